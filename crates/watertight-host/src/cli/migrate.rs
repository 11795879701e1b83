use std::num::NonZeroUsize;

use tokio::runtime::Runtime;
use watertight_diagnostics::{ErrorReport, ExitCode};
use watertight_migrations::{MigrateError, RunReport};

use crate::cli::cli_error::CliError;
use crate::cli::database::find_database;
use crate::cli::interruptible_run::{self, exit_code};
use crate::cli::{migration_progress, output};
use crate::server::Server;
use crate::server::server_error::ServerError;

pub(super) fn run(
    mut server: Server,
    json: bool,
    jobs: Option<NonZeroUsize>,
) -> Result<ExitCode, CliError> {
    server.report_progress = migration_progress::print;
    // Checks the plugins before it looks for the database.
    let mut migrator = server.into_migrator()?;
    if let Some(jobs) = jobs {
        migrator = migrator.jobs(jobs);
    }
    let database = find_database()?;
    let runtime = Runtime::new().map_err(ServerError::from)?;
    let report = interruptible_run::run(&runtime, &migrator, database.url())?;
    print_errors(&report);
    if json {
        output::print_json(&report.to_json())?;
    } else {
        output::print(&format!("{report}\n"))?;
    }
    Ok(exit_code(&report))
}

pub(super) fn print_errors(report: &RunReport) {
    for error in report.errors() {
        output::print_error(&ErrorReport::new(error));
    }
    if report.is_interrupted() && report.errors().next().is_none() {
        output::print_error(&ErrorReport::new(&MigrateError::Interrupted));
    }
}
