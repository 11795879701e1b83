use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrationPlan, Migrator, PlannedMigration};

use crate::terminal;

/// Prints the SQL that a run would send, and sends nothing of it.
pub(crate) fn run(
    migrator: &Migrator,
    database: &Database,
    only: &[PluginId],
    json: bool,
) -> Result<ExitCode> {
    let plan = migrator.plan(&mut database.url().connect()?, only)?;
    terminal::result(&if json { as_json(&plan) } else { as_sql(&plan) });
    Ok(ExitCode::SUCCESS)
}

fn as_sql(plan: &MigrationPlan) -> String {
    if plan.setup.is_empty() && plan.migrations.is_empty() {
        return "-- Nothing to do: every plugin is up to date.\n".to_owned();
    }
    let mut text = String::new();
    if !plan.setup.is_empty() {
        text += "-- schemas and histories\n";
        for statement in &plan.setup {
            text += statement;
            text += ";\n";
        }
        text += "\n";
    }
    for migration in &plan.migrations {
        text += &heading(migration);
        text += migration
            .sql
            .as_deref()
            .unwrap_or("-- This is a Rust migration.");
        text += "\n";
    }
    text
}

fn heading(migration: &PlannedMigration) -> String {
    let mut notes = String::new();
    if !migration.in_transaction {
        notes += ", outside a transaction";
    }
    if migration.out_of_order {
        notes += ", out of order";
    }
    format!("-- {} {}{notes}\n", migration.plugin, migration.name)
}

fn as_json(plan: &MigrationPlan) -> String {
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
            })
        })
        .collect();
    let document = json!({ "setup": plan.setup, "migrations": migrations });
    format!("{document:#}\n")
}
