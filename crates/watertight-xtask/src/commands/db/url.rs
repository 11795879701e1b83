use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::output::terminal;
use crate::workspace::Workspace;

/// Print the database's URL, with *** for its password.
///
/// The embedded database is started, and stops some seconds later unless somebody uses it.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(workspace: &Workspace, _: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    terminal::result(&format!("{}\n", database.url()));
    Ok(ExitCode::SUCCESS)
}
