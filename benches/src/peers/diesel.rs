//! Diesel's `MigrationHarness`, plugin by plugin on one blocking connection of diesel-async, which needs no libpq.

use anyhow::{Result, anyhow};
use diesel::connection::SimpleConnection as _;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use watertight_connection::DatabaseUrl;

use super::Start;
use crate::workload::Workload;

pub fn migrate(workload: &Workload, url: &str, _start: Start) -> Result<()> {
    let mut connection = DatabaseUrl::parse(url)?.connect()?;
    for plugin in workload.plugins() {
        let schema = plugin.schema_name();
        // Diesel's history is in the first schema of the search path.
        connection.batch_execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}"
        ))?;
        let source = FileBasedMigrations::from_path(workload.diesel_folder(plugin))?;
        connection
            .run_pending_migrations(source)
            .map_err(|error| anyhow!(error))?;
    }
    Ok(())
}
