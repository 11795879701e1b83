use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use watertight_embedded::{dump_pglite, usual_binary_folders};

use crate::child;
use crate::workspace::Workspace;

/// Print the database as SQL, to carry it to another server.
///
/// This is `pg_dump`, with `--no-owner`. PGlite brings its own, which writes INSERT statements.
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

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let database = workspace.database()?;
    let given = arguments.arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = ["--no-owner"].into_iter().chain(given).collect();
    if let Some(dumped) = dump_pglite(database.url(), &arguments) {
        let written = io::stdout().write_all(&dumped?);
        written.context("failed to write the SQL; see that there is space where it goes")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Command::new(pg_dump());
    child::lead_to(database.url(), &mut command);
    child::run(command.args(arguments))
}

/// `pg_dump` beside the server's binaries, which fits the embedded server, else that of the PATH.
fn pg_dump() -> PathBuf {
    usual_binary_folders()
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file())
        .map(|folder| folder.join("pg_dump"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "pg_dump".into())
}
