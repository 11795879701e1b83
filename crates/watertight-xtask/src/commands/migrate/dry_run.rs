use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrationPlan, Migrator, PlannedMigration};

use crate::output::{source_warnings, terminal};

/// Prints the SQL that a run would send, without sending it.
pub(super) fn run(
    migrator: &Migrator,
    database: &Database,
    only: &[PluginId],
    json: bool,
) -> Result<ExitCode> {
    let plan = migrator.plan(&mut database.url().connect()?, only)?;
    if json {
        let mut document = to_json(&plan);
        source_warnings::add_to(&mut document, migrator);
        terminal::print_json(&document)?;
    } else {
        terminal::print(&to_sql(&plan))?;
    }
    Ok(ExitCode::Success)
}

fn to_sql(plan: &MigrationPlan) -> String {
    if plan.setup.is_empty() && plan.migrations.is_empty() {
        return "-- Nothing to do: all plugins are up to date.\n".to_owned();
    }
    let mut sql = String::new();
    if !plan.setup.is_empty() {
        sql += "-- schemas and histories\n";
        for statement in &plan.setup {
            let _ = writeln!(sql, "{statement};");
        }
        sql += "\n";
    }
    for migration in &plan.migrations {
        sql += &heading(migration);
        sql += migration
            .sql
            .as_deref()
            .unwrap_or("-- This is a Rust migration.");
        sql += "\n";
    }
    sql
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
            })
        })
        .collect();
    json!({ "setup": plan.setup, "migrations": migrations })
}
