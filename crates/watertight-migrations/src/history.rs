use watertight_metadata::PluginId;

use crate::migration::Migration;
use crate::sql::literal;

/// The table in which Diesel, and we, write down what is applied.
pub(crate) const TABLE: &str = "__diesel_schema_migrations";

/// The history's name in SQL. A plugin's schema needs no escaping.
pub(crate) fn table(plugin: PluginId) -> String {
    format!("\"{}\".\"{TABLE}\"", plugin.schema_name())
}

/// SQL that creates the history as Diesel does, with our columns.
pub(crate) fn create(plugin: PluginId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\"version\" varchar(50) PRIMARY KEY NOT NULL, \
         \"run_on\" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         \"checksum\" pg_catalog.text, \"name\" pg_catalog.text)",
        table(plugin)
    )
}

/// SQL that adds our columns to a history that Diesel created.
pub(crate) fn add_columns(plugin: PluginId) -> String {
    format!(
        "ALTER TABLE {} ADD COLUMN IF NOT EXISTS \"checksum\" pg_catalog.text, \
         ADD COLUMN IF NOT EXISTS \"name\" pg_catalog.text",
        table(plugin)
    )
}

pub(crate) fn insert(plugin: PluginId, migration: &Migration) -> String {
    let checksum = migration
        .checksum()
        .map_or_else(|| "NULL".to_owned(), |checksum| literal(&checksum));
    format!(
        "INSERT INTO {} (\"version\", \"checksum\", \"name\") VALUES ({}, {checksum}, {})",
        table(plugin),
        literal(&migration.version),
        literal(&migration.name)
    )
}

pub(crate) fn delete(plugin: PluginId, version: &str) -> String {
    format!(
        "DELETE FROM {} WHERE \"version\" = {}",
        table(plugin),
        literal(version)
    )
}

/// SQL that is true when the version is in the history.
pub(crate) fn is_applied(plugin: PluginId, version: &str) -> String {
    format!(
        "EXISTS (SELECT FROM {} WHERE \"version\" = {})",
        table(plugin),
        literal(version)
    )
}

/// SQL that is true when the history has a version that sorts after this one, as Diesel sorts: by bytes.
pub(crate) fn has_newer(plugin: PluginId, version: &str) -> String {
    format!(
        "EXISTS (SELECT FROM {} WHERE \"version\" COLLATE \"C\" > {})",
        table(plugin),
        literal(version)
    )
}
