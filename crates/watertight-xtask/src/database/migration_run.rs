use std::num::NonZeroUsize;

use anyhow::Result;
use watertight_diagnostics::ExitCode;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, RunReport};

use super::migration_folders::migrator;
use super::sessions::Sessions;
use crate::generator::schema_refresh::SchemaRefresh;
use crate::output::command_error;
use crate::output::migration_progress::ProgressReporter;
use crate::output::terminal;
use crate::workspace::Workspace;

/// More connections do not make migrations faster, and a small server has few.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Runs the pending migrations of all plugins, for commands that migrate as one of their steps.
///
/// # Errors
///
/// As [`run_pending`].
pub(crate) fn run_all(workspace: &Workspace) -> Result<RunReport> {
    let migrator = migrator(workspace)?;
    let database = workspace.database()?;
    run_pending(migrator, &database, &[])
}

/// Runs the pending migrations and rewrites the `schema.rs` of the plugins that were migrated.
///
/// # Errors
///
/// As [`run_pending`], or when a `schema.rs` cannot be written.
pub(crate) fn run_and_refresh(
    workspace: &Workspace,
    migrator: Migrator,
    database: &Database,
    only: &[PluginId],
) -> Result<RunReport> {
    let mut statuses = migrator.status(&mut database.url().connect()?)?;
    statuses.retain(|plugin| plugin.pending().next().is_some());
    let refresh = SchemaRefresh::begin(workspace, database, &statuses)?;
    let report = run_pending(migrator, database, only)?;
    if let Some(refresh) = refresh {
        let migrated = report
            .plugins
            .iter()
            .filter(|plugin| !plugin.applied.is_empty())
            .map(|plugin| plugin.plugin);
        refresh.finish(&migrated.collect::<Vec<_>>())?;
    }
    Ok(report)
}

/// Runs the pending migrations. Prints their progress and the errors of single migrations to stderr.
///
/// # Errors
///
/// When the run cannot be started.
pub(crate) fn run_pending(
    migrator: Migrator,
    database: &Database,
    only: &[PluginId],
) -> Result<RunReport> {
    let reporter = ProgressReporter::new();
    let migrator = migrator.on_progress(reporter.callback());
    let sessions = Sessions::new(database.url())?;
    let connections = if database.url().serves_one_connection() {
        NonZeroUsize::MIN
    } else {
        CONNECTIONS
    };
    let report = migrator.run_parallel(|| sessions.connect(), connections, only);
    sessions.finish();
    reporter.finish();
    let report = report?;
    for error in report.errors() {
        terminal::error(&command_error::report(error));
    }
    Ok(report)
}

/// Returns the exit code of a run.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    if report.is_success() {
        ExitCode::Success
    } else {
        ExitCode::Failure
    }
}
