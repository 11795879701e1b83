use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use watertight_database::EmbeddedServer;

use crate::terminal;
use crate::workspace::Workspace;

/// Stop the embedded server now, whoever uses it. What was committed stays.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(workspace: &Workspace, _: &Arguments) -> Result<ExitCode> {
    let said = if EmbeddedServer::stop(workspace.root())? {
        "Stopped the embedded PostgreSQL.\n"
    } else {
        "Nothing to do: the embedded PostgreSQL does not run.\n"
    };
    terminal::result(said);
    Ok(ExitCode::SUCCESS)
}
