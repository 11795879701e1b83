use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use watertight_embedded::usual_binary_folders;

use crate::child;
use crate::workspace::Workspace;

/// Open psql on the database.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask db psql
  cargo xtask db psql -- -c 'SELECT count(*) FROM plugin_catalog.products'")]
pub(crate) struct Arguments {
    /// Arguments for psql.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    let mut command = Command::new(psql());
    child::lead_to(database.url(), &mut command);
    command.args(&arguments.arguments);
    child::run(&mut command)
}

/// psql from the PATH, else the one that lies beside the server's binaries: Homebrew links neither.
fn psql() -> PathBuf {
    usual_binary_folders()
        .into_iter()
        .map(|folder| folder.join("psql"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "psql".into())
}
