//! The rows of the plugin's tables.

use std::io::Write;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use uuid::Uuid;

use crate::schema::plugin_auth::sql_types;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::UserRole)]
pub enum UserRole {
    /// May use what everyone may use.
    Member,
    /// May also change what everyone sees.
    Editor,
    /// May do everything.
    Admin,
}

impl ToSql<sql_types::UserRole, Pg> for UserRole {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(match self {
            Self::Member => b"member",
            Self::Editor => b"editor",
            Self::Admin => b"admin",
        })?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::UserRole, Pg> for UserRole {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            b"member" => Ok(Self::Member),
            b"editor" => Ok(Self::Editor),
            b"admin" => Ok(Self::Admin),
            other => Err(format!("unknown user role {:?}", String::from_utf8_lossy(other)).into()),
        }
    }
}

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, Identifiable, Queryable, Selectable)]
#[diesel(table_name = crate::schema::plugin_auth::users)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct User {
    /// Chosen by the database.
    pub id: Uuid,
    /// Unique among all users, whatever its case.
    pub email: String,
    /// How others see the user; the address stands in for it.
    pub display_name: Option<String>,
    /// When the row was inserted, in UTC.
    pub created_at: NaiveDateTime,
    /// When the row was last changed, in UTC.
    pub updated_at: NaiveDateTime,
    /// What the user may do.
    pub role: UserRole,
}

/// What a new row of `users` starts with. The database adds the rest.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = crate::schema::plugin_auth::users)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct NewUser<'a> {
    /// Unique among all users, whatever its case.
    pub email: &'a str,
    /// How others see the user.
    pub display_name: Option<&'a str>,
    /// What the user may do.
    pub role: UserRole,
}

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Identifiable, Associations, Queryable, Selectable)]
#[diesel(table_name = crate::schema::plugin_auth::sessions)]
#[diesel(belongs_to(User))]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Session {
    /// Chosen by the database.
    pub id: Uuid,
    /// Whose session it is. It goes when the user does.
    pub user_id: Uuid,
    /// From when on it no longer counts, in UTC.
    pub expires_at: NaiveDateTime,
    /// When the row was inserted, in UTC.
    pub created_at: NaiveDateTime,
}

/// What a new row of `sessions` starts with. The database adds the rest.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = crate::schema::plugin_auth::sessions)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct NewSession {
    /// Whose session it is.
    pub user_id: Uuid,
    /// From when on it no longer counts, in UTC.
    pub expires_at: NaiveDateTime,
}
