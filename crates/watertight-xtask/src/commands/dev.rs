use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::database::child_process;
use crate::workspace::Workspace;

/// Start the database, run the pending migrations and serve, until Ctrl-C stops it all.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask dev
  cargo xtask dev -- --listen 127.0.0.1:8080")]
pub(crate) struct Arguments {
    /// Arguments for the server's `serve`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let Some(server) = workspace.server_package()? else {
        bail!(
            "failed to serve: there is no server in {}; write one, or name its folder as `server` in \
             `[workspace.metadata.watertight]`",
            workspace.server_folder().display()
        );
    };
    let database = workspace.database()?;
    let url = database.url().expose_secret();
    // A process of its own, as a user would start it: how Ctrl-C ends a migration is not how it ends a server.
    let migrate = Command::new(env::current_exe()?)
        .arg("migrate")
        .current_dir(workspace.root())
        .env("DATABASE_URL", url)
        .status()
        .context("failed to run the migrations")?;
    if !migrate.success() {
        return Ok(ExitCode::FAILURE);
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--package", &server, "--", "serve"])
        .args(&arguments.arguments)
        .current_dir(workspace.root())
        .env("DATABASE_URL", url);
    // The embedded database stays up as long as `database` lives, which is until the server has ended.
    child_process::run(&mut command)
}
