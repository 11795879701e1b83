use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use watertight_embedded::Database;

use crate::child;
use crate::workspace::Workspace;

/// Has the server run the migrations that its binary has embedded.
pub(crate) fn run(workspace: &Workspace, database: &Database, json: bool) -> Result<ExitCode> {
    let Some(server) = workspace.server_package()? else {
        bail!(
            "failed to run the embedded migrations: there is no server in {}; leave `--embedded` out to run those in \
             the folders",
            workspace.server_folder().display()
        );
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--package", &server, "--", "migrate"])
        .args(json.then_some("--json"))
        .current_dir(workspace.root())
        .env("DATABASE_URL", database.url().expose_secret());
    child::run(&mut command)
}
