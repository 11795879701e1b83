use anyhow::Result;
use watertight_diagnostics::ExitCode;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrateError, MigrationProgress, Migrator, PluginStatus, RunReport};

use super::interrupt::interruptible;
use super::migration_folders::migrator;
use crate::generator::schema_refresh::SchemaRefresh;
use crate::output::command_error;
use crate::output::migration_progress::ProgressReporter;
use crate::output::terminal;
use crate::workspace::Workspace;

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
    let Some(refresh) = SchemaRefresh::new(workspace, database)? else {
        return run_pending(migrator, database, only);
    };
    let begin = refresh.begin();
    let report = if database.url().serves_one_connection() {
        let statuses = migrator.status_on(database.url())?;
        let has_pending = |status: &&PluginStatus| status.pending().next().is_some();
        let pending = statuses.iter().filter(has_pending);
        let pending: Vec<_> = pending.map(|status| status.plugin).collect();
        if !pending.is_empty() {
            begin(&pending);
        }
        run_pending(migrator, database, only)?
    } else {
        run_pending_after(migrator, database, only, begin)?
    };
    if report.is_interrupted() {
        // The next run rewrites the files.
        return Ok(report);
    }
    let migrated = report
        .plugins
        .iter()
        .filter(|plugin| !plugin.applied.is_empty())
        .map(|plugin| plugin.plugin);
    refresh.finish(&migrated.collect::<Vec<_>>())?;
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
    run_pending_after(migrator, database, only, |_| ())
}

/// As [`run_pending`]. Calls `prepare` with the plugins that have pending migrations, before any is run.
fn run_pending_after(
    migrator: Migrator,
    database: &Database,
    only: &[PluginId],
    prepare: impl Fn(&[PluginId]) + Send + Sync + 'static,
) -> Result<RunReport> {
    let reporter = ProgressReporter::new();
    let report = reporter.callback();
    let migrator = migrator.on_progress(move |progress| {
        if let MigrationProgress::Planned { plugins, .. } = progress
            && !plugins.is_empty()
        {
            prepare(plugins);
        }
        report(progress);
    });
    let report = interruptible(&migrator, |migrator| migrator.run_on(database.url(), only))?;
    reporter.finish();
    let report = report?;
    for error in report.errors() {
        terminal::error(&command_error::report(error));
    }
    if report.is_interrupted() && report.errors().next().is_none() {
        terminal::error(&command_error::report(&MigrateError::Interrupted));
    }
    Ok(report)
}

/// Returns the exit code of a run.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    if report.is_success() {
        ExitCode::Success
    } else if report.is_interrupted() {
        ExitCode::Interrupted
    } else {
        ExitCode::Failure
    }
}
