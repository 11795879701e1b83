use crate::cli::cli_error::CliError;
use crate::cli::output;
use crate::server_database::ServerDatabase;

/// Finds the database, and prints a status line before each step that takes long.
pub(super) fn find_database() -> Result<ServerDatabase, CliError> {
    Ok(ServerDatabase::find_with(&output::print_status)?)
}
