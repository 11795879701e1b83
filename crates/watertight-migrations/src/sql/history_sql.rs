//! Watertight's statements about a plugin's history table.

use postgres_protocol::escape::escape_literal;
use watertight_metadata::PluginId;

/// The name of Diesel's history table.
pub(crate) const TABLE: &str = "__diesel_schema_migrations";

/// The maximum length of a version in the history, in characters, as Diesel defines the column.
pub(crate) const MAX_VERSION_LENGTH: usize = 50;

/// Returns the qualified name of a plugin's history. A plugin's schema name needs no escaping.
pub(crate) fn table(plugin: PluginId) -> String {
    format!("\"{}\".\"{TABLE}\"", plugin.schema_name())
}

/// Creates the history like Diesel, with Watertight's additional columns.
pub(crate) fn create(plugin: PluginId) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\"version\" varchar({MAX_VERSION_LENGTH}) PRIMARY KEY NOT NULL, \
         \"run_on\" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         \"checksum\" pg_catalog.text, \"name\" pg_catalog.text)",
        table(plugin)
    )
}

/// Adds Watertight's columns to a history that Diesel created.
pub(crate) fn add_columns(plugin: PluginId) -> String {
    format!(
        "ALTER TABLE {} ADD COLUMN IF NOT EXISTS \"checksum\" pg_catalog.text, \
         ADD COLUMN IF NOT EXISTS \"name\" pg_catalog.text",
        table(plugin)
    )
}

/// Records a migration as applied.
pub(crate) fn insert(
    plugin: PluginId,
    version: &str,
    name: &str,
    checksum: Option<&str>,
) -> String {
    format!(
        "INSERT INTO {} (\"version\", \"checksum\", \"name\") VALUES ({}, {}, {})",
        table(plugin),
        escape_literal(version),
        checksum.map_or_else(|| "NULL".to_owned(), escape_literal),
        escape_literal(name)
    )
}

/// Removes a migration from the history.
pub(crate) fn delete(plugin: PluginId, version: &str) -> String {
    format!(
        "DELETE FROM {} WHERE \"version\" = {}",
        table(plugin),
        escape_literal(version)
    )
}

/// Returns a condition that is true if the version is in the history.
pub(crate) fn is_applied(plugin: PluginId, version: &str) -> String {
    format!(
        "EXISTS (SELECT FROM {} WHERE \"version\" = {})",
        table(plugin),
        escape_literal(version)
    )
}

/// Returns a condition that is true if the history has a newer version, compared by bytes like in Diesel.
pub(crate) fn has_newer(plugin: PluginId, version: &str) -> String {
    format!(
        "EXISTS (SELECT FROM {} WHERE \"version\" COLLATE \"C\" > {})",
        table(plugin),
        escape_literal(version)
    )
}

/// Returns a condition that is true if the version is in the history with this checksum.
pub(crate) fn is_recorded(plugin: PluginId, version: &str, checksum: Option<&str>) -> String {
    format!(
        "EXISTS (SELECT FROM {} WHERE \"version\" = {} AND \"checksum\" IS NOT DISTINCT FROM {})",
        table(plugin),
        escape_literal(version),
        checksum.map_or_else(|| "NULL".to_owned(), escape_literal)
    )
}

/// Changes the version of a migration in the history.
pub(crate) fn set_version(plugin: PluginId, version: &str, new: &str) -> String {
    format!(
        "UPDATE {} SET \"version\" = {} WHERE \"version\" = {}",
        table(plugin),
        escape_literal(new),
        escape_literal(version)
    )
}

/// Sets the name of a migration in the history, and its checksum if it has one.
pub(crate) fn describe(
    plugin: PluginId,
    version: &str,
    name: &str,
    checksum: Option<&str>,
) -> String {
    let checksum =
        checksum.map(|checksum| format!(", \"checksum\" = {}", escape_literal(checksum)));
    format!(
        "UPDATE {} SET \"name\" = {}{} WHERE \"version\" = {}",
        table(plugin),
        escape_literal(name),
        checksum.unwrap_or_default(),
        escape_literal(version)
    )
}
