use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use watertight_embedded::EmbeddedServer;

use crate::terminal;
use crate::workspace::Workspace;

/// Stop the embedded server now, whoever uses it. What was committed stays.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(workspace: &Workspace, _: &Arguments) -> Result<ExitCode> {
    let said = match EmbeddedServer::stop(workspace.root())? {
        Some(kind) => format!("Stopped the embedded {kind}.\n"),
        None => "Nothing to do: the embedded database does not run.\n".to_owned(),
    };
    terminal::result(&said);
    Ok(ExitCode::SUCCESS)
}
