//! The rows of the plugin's tables.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use uuid::Uuid;

/// A row of `items`.
#[derive(Clone, Debug, PartialEq, Eq, Identifiable, Queryable, Selectable)]
#[diesel(table_name = crate::schema::plugin_my_feature::items)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Item {
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
}

/// What a new row of `items` starts with. The database adds the rest.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = crate::schema::plugin_my_feature::items)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct NewItem<'a> {
    /// What people call it.
    pub name: &'a str,
    /// More about it, if there is more to say.
    pub description: Option<&'a str>,
}

/// What replaces the columns of a row of `items` that people choose.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = crate::schema::plugin_my_feature::items)]
#[diesel(check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_null = true)]
pub struct ItemChanges {
    /// What people call it.
    pub name: String,
    /// More about it, if there is more to say.
    pub description: Option<String>,
}
