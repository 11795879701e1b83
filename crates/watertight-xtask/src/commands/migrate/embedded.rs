use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::{Result, bail};
use watertight_embedded::Database;

use crate::database::child_process;
use crate::output::hint::hinted;
use crate::workspace::Workspace;
use crate::workspace::cargo_command::cargo;

/// Lets the server run the migrations that are embedded in its binary.
pub(super) fn run(
    workspace: &Workspace,
    database: &Database,
    json: bool,
    jobs: Option<NonZeroUsize>,
    lock_timeout: Option<u64>,
) -> Result<ExitCode> {
    let Some(server) = workspace.server_package()? else {
        bail!(hinted(
            format!(
                "failed to run the embedded migrations: there is no server in {}",
                workspace.server_folder().display()
            ),
            "run those in the plugins' folders, without `--embedded`"
        ));
    };
    let mut command = cargo(workspace.root());
    command
        .args(["run", "--package", &server, "--", "migrate"])
        .args(json.then_some("--json"))
        .args(jobs.map(|jobs| format!("--jobs={jobs}")))
        .args(lock_timeout.map(|seconds| format!("--lock-timeout={seconds}")))
        .env("DATABASE_URL", database.url().expose_secret());
    child_process::run(&mut command)
}
