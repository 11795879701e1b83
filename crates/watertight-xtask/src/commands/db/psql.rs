use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use watertight_embedded::usual_binary_folders;

use crate::database::child_process;
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

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    let mut command = Command::new(psql());
    child_process::connect_to(database.url(), &mut command);
    command.args(&arguments.arguments);
    child_process::run(&mut command)
}

/// Returns the psql beside the server's binaries, which Homebrew does not link into the PATH, or else that of the PATH.
fn psql() -> PathBuf {
    usual_binary_folders()
        .into_iter()
        .map(|folder| folder.join("psql"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "psql".into())
}
