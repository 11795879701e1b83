use anyhow::Result;
use clap::Args;
use serde_json::json;
use watertight_connection::ConnectError;
use watertight_diagnostics::ExitCode;
use watertight_embedded::create_missing_database;

use crate::database::wait::WaitArguments;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Create the database that DATABASE_URL names, unless it exists.
///
/// Without DATABASE_URL, starts the embedded database, which is created with its server.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    wait: WaitArguments,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    match arguments.wait.wait_for(&database) {
        // The server is ready.
        Err(ConnectError::NoSuchDatabase { .. }) => {}
        waited => waited?,
    }
    let is_created = create_missing_database(database.url())?;
    let name = database.url().database_name();
    if arguments.json {
        let document = json!({ "command": "db", "database": name, "created": is_created });
        terminal::print_json(&document)?;
    } else if is_created {
        terminal::print(&format!("Created the database `{name}`.\n"))?;
    } else {
        terminal::print(&format!("Nothing to do: the database `{name}` exists.\n"))?;
    }
    Ok(ExitCode::Success)
}
