//! The rows of the plugin's tables.

use std::io::Write;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use uuid::Uuid;

use crate::schema::plugin_catalog::sql_types;

/// How far a product has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::ProductState)]
pub enum ProductState {
    /// Only editors see it.
    Draft,
    /// Everyone sees it.
    Published,
    /// It is kept for old orders.
    Retired,
}

impl ToSql<sql_types::ProductState, Pg> for ProductState {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(match self {
            Self::Draft => b"draft",
            Self::Published => b"published",
            Self::Retired => b"retired",
        })?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::ProductState, Pg> for ProductState {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            b"draft" => Ok(Self::Draft),
            b"published" => Ok(Self::Published),
            b"retired" => Ok(Self::Retired),
            other => {
                Err(format!("unknown product state {:?}", String::from_utf8_lossy(other)).into())
            }
        }
    }
}

/// A row of `categories`.
#[derive(Clone, Debug, PartialEq, Eq, Identifiable, Queryable, Selectable)]
#[diesel(table_name = crate::schema::plugin_catalog::categories)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Category {
    /// Chosen by the database.
    pub id: Uuid,
    /// Unique among all categories.
    pub name: String,
}

/// What a new row of `categories` starts with. The database adds the rest.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = crate::schema::plugin_catalog::categories)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct NewCategory<'a> {
    /// Unique among all categories.
    pub name: &'a str,
}

/// A row of `products`.
#[derive(Clone, Debug, PartialEq, Eq, Identifiable, Associations, Queryable, Selectable)]
#[diesel(table_name = crate::schema::plugin_catalog::products)]
#[diesel(belongs_to(Category))]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Product {
    /// Chosen by the database.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// More about it, if there is more to say.
    pub description: Option<String>,
    /// When the row was inserted, in UTC.
    pub created_at: NaiveDateTime,
    /// When the row was last changed, in UTC.
    pub updated_at: NaiveDateTime,
    /// Where it stands in the shop.
    pub category_id: Option<Uuid>,
    /// How far it has come.
    pub state: ProductState,
    /// The user of the plugin `auth` who changed it last.
    pub edited_by: Option<Uuid>,
}

/// What a new row of `products` starts with. The database adds the rest.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = crate::schema::plugin_catalog::products)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct NewProduct<'a> {
    /// What people call it.
    pub name: &'a str,
    /// More about it, if there is more to say.
    pub description: Option<&'a str>,
    /// Where it stands in the shop.
    pub category_id: Option<Uuid>,
    /// How far it has come.
    pub state: ProductState,
    /// The user of the plugin `auth` who makes it.
    pub edited_by: Option<Uuid>,
}
