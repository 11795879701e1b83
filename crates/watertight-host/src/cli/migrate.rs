use std::num::NonZeroUsize;

use watertight_diagnostics::{ErrorReport, ExitCode};
use watertight_migrations::RunReport;

use crate::cli::cli_error::CliError;
use crate::cli::database::find_database;
use crate::cli::output;
use crate::server::Server;

pub(super) fn run(
    mut server: Server,
    json: bool,
    jobs: Option<NonZeroUsize>,
) -> Result<ExitCode, CliError> {
    server.report_progress = |progress| {
        if let Some(line) = progress.status_line() {
            output::print_status(&line);
        }
    };
    // Checks the plugins before it looks for the database.
    let mut migrator = server.into_migrator()?;
    if let Some(jobs) = jobs {
        migrator = migrator.jobs(jobs);
    }
    let database = find_database()?;
    let report = migrator.run_on(database.url(), &[])?;
    print_errors(&report);
    if json {
        output::print_json(&report.to_json())?;
    } else {
        output::print(&format!("{report}\n"))?;
    }
    Ok(if report.is_success() {
        ExitCode::Success
    } else {
        ExitCode::Failure
    })
}

pub(super) fn print_errors(report: &RunReport) {
    for error in report.errors() {
        output::print_error(&ErrorReport::new(error));
    }
}
