use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_migrations::{PluginStatus, status_table};

use crate::cli::cli_error::CliError;
use crate::cli::database::find_database;
use crate::cli::output;
use crate::server::Server;

pub(super) fn run(server: Server, json: bool) -> Result<ExitCode, CliError> {
    // Checks the plugins before it looks for the database.
    let migrator = server.into_migrator()?;
    let database = find_database()?;
    let plugins = migrator.status_on(database.url())?;
    if json {
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        output::print_json(&json!({ "plugins": plugins }))?;
    } else {
        output::print(&status_table(&plugins))?;
    }
    Ok(ExitCode::Success)
}
