use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_migrations::PluginStatus;

use crate::database::migration_folders::migrator;
use crate::output::migration_status::styled_statuses;
use crate::output::{source_warnings, terminal};
use crate::workspace::Workspace;

/// Show applied, pending, ahead and drifted migrations of each plugin.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let migrator = migrator(workspace)?;
    source_warnings::print(&migrator);
    let database = workspace.database()?;
    let plugins = migrator.status(&mut database.url().connect()?)?;
    if arguments.json {
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        let mut document = json!({ "plugins": plugins });
        source_warnings::add_to(&mut document, &migrator);
        terminal::print_json(&document)?;
    } else {
        terminal::print(&styled_statuses(&plugins))?;
    }
    Ok(ExitCode::Success)
}
