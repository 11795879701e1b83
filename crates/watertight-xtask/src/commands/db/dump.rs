use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use watertight_embedded::{dump_pglite, usual_binary_folders};

use crate::database::child_process;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Dump the database as SQL, to restore it on another server.
///
/// Runs `pg_dump --no-owner`. PGlite has its own, which writes INSERT statements.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask db dump > dump.sql
  cargo xtask db dump -- --schema=plugin_catalog --schema-only")]
pub(crate) struct Arguments {
    /// Arguments for `pg_dump`.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    let passed = arguments.arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = ["--no-owner"].into_iter().chain(passed).collect();
    if let Some(dumped) = dump_pglite(database.url(), &arguments) {
        terminal::print_bytes(&dumped?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Command::new(pg_dump());
    child_process::connect_to(database.url(), &mut command);
    child_process::run(command.args(arguments))
}

/// Returns the `pg_dump` beside the server's binaries, which has the embedded server's version, or else that of the PATH.
fn pg_dump() -> PathBuf {
    usual_binary_folders()
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file())
        .map(|folder| folder.join("pg_dump"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "pg_dump".into())
}
