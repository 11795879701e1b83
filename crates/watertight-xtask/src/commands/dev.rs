use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::database::migration_folders::migrator;
use crate::database::{child_process, migration_run};
use crate::output::hint::hinted;
use crate::output::terminal;
use crate::workspace::Workspace;
use crate::workspace::cargo_command::cargo;

/// Start the database, run pending migrations and run the server until Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask dev
  cargo xtask dev -- --listen 127.0.0.1:8080")]
pub(crate) struct Arguments {
    /// Arguments for the server's `serve` command.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let Some(server) = workspace.server_package()? else {
        bail!(hinted(
            format!(
                "failed to start the server: there is none in {}",
                workspace.server_folder().display()
            ),
            "create one, or set `server` in `[workspace.metadata.watertight]` to its folder"
        ));
    };
    // An embedded database stays up as long as this value lives, until the server has ended.
    let database = workspace.database()?;
    let migrator = migrator(&workspace)?;
    let report = migration_run::run_and_refresh(&workspace, migrator, &database, &[])?;
    terminal::print(&format!("{report}\n"))?;
    if !report.is_success() {
        return Ok(migration_run::exit_code(&report).into());
    }
    let mut command = cargo(workspace.root());
    command
        .args(["run", "--package", &server, "--", "serve"])
        .args(&arguments.arguments)
        .env("DATABASE_URL", database.url().expose_secret());
    child_process::run(&mut command)
}
