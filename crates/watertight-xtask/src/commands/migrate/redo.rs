use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::commands::migrate::migrator_for;
use crate::database::sessions::Sessions;
use crate::generator::schema_file::Refresh;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Revert the newest migration of a plugin and run it again.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin.
    #[arg(long, value_name = "ID")]
    plugin: String,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let plugin = workspace.plugin(&arguments.plugin)?.id;
    let migrator = migrator_for(workspace, &[plugin])?;
    let database = workspace.database()?;
    let refresh = Refresh::begin(workspace, &database, &[plugin])?;
    let sessions = Sessions::new(database.url())?;
    let migration = migrator.redo(&mut sessions.connect()?, &plugin);
    sessions.finish();
    let migration = migration?;
    terminal::result(&format!(
        "Reverted {migration} of plugin `{plugin}` and ran it again.\n"
    ));
    if let Some(refresh) = refresh {
        refresh.finish(&[plugin])?;
    }
    Ok(ExitCode::SUCCESS)
}
