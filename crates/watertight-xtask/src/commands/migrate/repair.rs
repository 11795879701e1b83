use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_migrations::{Repair, RepairChange};

use crate::database::migration_folders::migrator_for;
use crate::output::confirmation::confirm;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Accept the migrations in the code as what was applied.
///
/// Rewrites the checksums, names and versions in a plugin's history. Runs no migration.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask migrate repair --plugin catalog --dry-run
  cargo xtask migrate repair --plugin catalog --yes")]
pub(crate) struct Arguments {
    /// Plugin id (repeatable).
    #[arg(long, value_name = "ID", required = true)]
    plugin: Vec<String>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Show the changes without making them.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let plugins = workspace.named_or_all(&arguments.plugin)?;
    let ids: Vec<_> = plugins.iter().map(|plugin| plugin.id).collect();
    let migrator = migrator_for(workspace, &ids)?;
    let database = workspace.database()?;
    let mut connection = database.url().connect_session()?;
    let mut repairs = Vec::new();
    for id in &ids {
        let repair = migrator.plan_repair(&mut connection, id)?;
        if !repair.changes.is_empty() {
            repairs.push(repair);
        }
    }
    if !arguments.dry_run && !arguments.yes && !repairs.is_empty() {
        terminal::status(list("Changes to the history", &repairs).trim_end());
        confirm("Make these changes?", "repair the history")?;
    }
    if !arguments.dry_run {
        for repair in &repairs {
            migrator.repair(&mut connection, repair)?;
        }
    }
    if arguments.json {
        let status = if arguments.dry_run {
            "planned"
        } else {
            "changed"
        };
        let plugins: Value = repairs.iter().map(to_json).collect();
        terminal::print_json(
            &json!({ "command": "migrate repair", "status": status, "plugins": plugins }),
        )?;
    } else if repairs.is_empty() {
        terminal::print("Nothing to repair.\n")?;
    } else if arguments.dry_run {
        terminal::print(&list("Would change the history", &repairs))?;
    } else {
        terminal::print(&list("Changed the history", &repairs))?;
    }
    Ok(ExitCode::Success)
}

fn list(heading: &str, repairs: &[Repair]) -> String {
    let mut text = String::new();
    for repair in repairs {
        let _ = writeln!(text, "{heading} of plugin `{}`:", repair.plugin);
        for change in &repair.changes {
            let _ = writeln!(text, "  {}: {change}", change.name);
        }
    }
    text
}

fn to_json(repair: &Repair) -> Value {
    let change = |change: &RepairChange| {
        json!({
            "name": change.name,
            "version": change.version,
            "applied_version": change.applied_version,
            "what": change.to_string(),
        })
    };
    json!({
        "plugin": repair.plugin.as_str(),
        "changes": repair.changes.iter().map(change).collect::<Value>(),
    })
}
