use anyhow::Result;
use clap::Args;
use watertight_diagnostics::ExitCode;

use crate::database::interrupt::interruptible;
use crate::database::lock_timeout::LockTimeoutArguments;
use crate::database::migration_folders::migrator_for;
use crate::generator::schema_refresh::SchemaRefresh;
use crate::output::migration_progress::ProgressReporter;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Revert the newest migration of a plugin and run it again.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Plugin id.
    #[arg(long, value_name = "ID")]
    plugin: String,
    #[command(flatten)]
    lock_timeout: LockTimeoutArguments,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let plugin = workspace.plugin(&arguments.plugin)?.id;
    let migrator = migrator_for(workspace, &[plugin])?;
    let migrator = arguments.lock_timeout.apply(migrator);
    let database = workspace.database()?;
    let refresh = SchemaRefresh::new(workspace, &database)?;
    if let Some(refresh) = &refresh {
        refresh.begin()(&[plugin]);
    }
    let reporter = ProgressReporter::new();
    let migrator = migrator.on_progress(reporter.callback());
    let redone = interruptible(&migrator, |migrator| {
        migrator.redo_on(database.url(), &plugin)
    })?;
    reporter.finish();
    let migration = redone?;
    if let Some(refresh) = refresh {
        refresh.finish(&[plugin])?;
    }
    terminal::print(&format!(
        "Reverted {migration} of plugin `{plugin}` and ran it again.\n"
    ))?;
    Ok(ExitCode::Success)
}
