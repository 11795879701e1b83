use anyhow::Result;
use clap::Args;
use watertight_diagnostics::ExitCode;
use watertight_embedded::EmbeddedServer;

use crate::output::terminal;
use crate::workspace::Workspace;

/// Stop the embedded server, even if it is in use. Committed data is kept.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(super) fn run(workspace: &Workspace, _: &Arguments) -> Result<ExitCode> {
    let message = match EmbeddedServer::stop(workspace.root())? {
        Some(kind) => format!("Stopped the embedded {kind}.\n"),
        None => "Nothing to do: the embedded database is not running.\n".to_owned(),
    };
    terminal::print(&message)?;
    Ok(ExitCode::Success)
}
