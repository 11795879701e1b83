use anyhow::Result;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrationPlan, Migrator};

use crate::output::{source_warnings, terminal};

/// Prints a script for psql that does what a run would do.
pub(super) fn run(
    migrator: &Migrator,
    database: &Database,
    only: &[PluginId],
    json: bool,
) -> Result<ExitCode> {
    let plan = migrator.plan(&mut database.url().connect_session()?, only)?;
    if json {
        let mut document = to_json(&plan);
        source_warnings::add_to(&mut document, migrator);
        terminal::print_json(&document)?;
    } else {
        // Byte by byte, because strings in the SQL may contain escape sequences of terminals.
        terminal::print_bytes(plan.to_script().as_bytes())?;
    }
    Ok(ExitCode::Success)
}

fn to_json(plan: &MigrationPlan) -> Value {
    let migrations: Vec<_> = plan
        .migrations
        .iter()
        .map(|migration| {
            json!({
                "plugin": migration.plugin.as_str(),
                "name": migration.name,
                "version": migration.version,
                "out_of_order": migration.out_of_order,
                "in_transaction": migration.in_transaction,
                "file": migration.file,
                "sql": migration.sql,
                "checksum": migration.checksum,
            })
        })
        .collect();
    json!({ "setup": plan.setup, "migrations": migrations })
}
