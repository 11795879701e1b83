use anyhow::Result;
use clap::Args;
use watertight_diagnostics::ExitCode;

use crate::output::terminal;
use crate::workspace::Workspace;

/// Print the database's URL, with *** for its password.
///
/// Starts the embedded database, which stops some seconds later unless another program uses it.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(super) fn run(workspace: &Workspace, _: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    terminal::print(&format!("{}\n", database.url()))?;
    Ok(ExitCode::Success)
}
