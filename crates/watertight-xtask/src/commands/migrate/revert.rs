use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;
use watertight_diagnostics::ExitCode;

use crate::database::interrupt::interruptible;
use crate::database::lock_timeout::LockTimeoutArguments;
use crate::database::migration_folders::migrator_for;
use crate::output::migration_progress::ProgressReporter;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Revert the newest migrations of a plugin.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Plugin id.
    #[arg(long, value_name = "ID")]
    plugin: String,
    /// Number of migrations.
    #[arg(long, value_name = "N", default_value = "1")]
    steps: NonZeroUsize,
    #[command(flatten)]
    lock_timeout: LockTimeoutArguments,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let plugin = workspace.plugin(&arguments.plugin)?.id;
    let migrator = migrator_for(workspace, &[plugin])?;
    let migrator = arguments.lock_timeout.apply(migrator);
    let database = workspace.database()?;
    let reporter = ProgressReporter::new();
    let migrator = migrator.on_progress(reporter.callback());
    let reverted = interruptible(&migrator, |migrator| {
        migrator.revert_on(database.url(), &plugin, arguments.steps)
    })?;
    reporter.finish();
    let reverted = reverted?;
    terminal::print(&match reverted.len() {
        0 => format!("Nothing to do: no migration of plugin `{plugin}` is applied.\n"),
        1 => format!("Reverted 1 migration of plugin `{plugin}`.\n"),
        count => format!("Reverted {count} migrations of plugin `{plugin}`.\n"),
    })?;
    Ok(ExitCode::Success)
}
