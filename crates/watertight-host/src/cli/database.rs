use watertight_database::Database;

use crate::cli::cli_error::CliError;
use crate::cli::output;

/// Finds the database, and prints what takes long to stderr.
pub(super) fn find_database() -> Result<Database, CliError> {
    let report = |progress| output::print_status(&format!("{progress}"));
    Ok(Database::find_here_with(&report)?)
}
