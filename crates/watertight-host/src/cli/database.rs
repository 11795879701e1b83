use crate::cli::cli_error::CliError;
use crate::cli::output;
use crate::server_database::ServerDatabase;

/// Finds the database. Prints warnings, and a status line before each step that takes long.
pub(super) fn find_database() -> Result<ServerDatabase, CliError> {
    let database = ServerDatabase::find_with(&output::print_status)?;
    for warning in database.url().warnings() {
        output::print_status(&format!("warning: {warning}"));
    }
    Ok(database)
}
