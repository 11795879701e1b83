use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_migrations::{PluginStatus, status_table};

use crate::commands::migrate::migrator;
use crate::terminal;
use crate::workspace::Workspace;

/// Show for each plugin which migrations are applied, pending, ahead of the code, or changed since.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let migrator = migrator(workspace)?;
    let database = workspace.database()?;
    let plugins = migrator.status(&mut database.url().connect()?)?;
    if arguments.json {
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        terminal::result(&format!("{:#}\n", json!({ "plugins": plugins })));
    } else {
        terminal::result(&status_table(&plugins));
    }
    Ok(ExitCode::SUCCESS)
}
