//! How these tests run migrations at a URL, with connections that the runner opens itself.

use watertight_connection::DatabaseUrl;
use watertight_migrations::{MigrateError, Migrator, PluginStatus, RunReport};

/// Runs all pending migrations over up to four connections.
pub fn run_at(migrator: &Migrator, url: &DatabaseUrl) -> Result<RunReport, MigrateError> {
    migrator.run_on(url, &[])
}

/// Returns the status of all plugins.
pub fn status_at(
    migrator: &Migrator,
    url: &DatabaseUrl,
) -> Result<Vec<PluginStatus>, MigrateError> {
    migrator.status_on(url)
}
