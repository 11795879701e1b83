//! The command `cargo xtask migrate`, as a process of its own: this program, which is an xtask too.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use super::Start;
use crate::workload::Workload;

/// The first argument with which this program is an xtask.
const XTASK: &str = "xtask";

/// Runs the command in the program's arguments if they ask for an xtask.
pub fn command() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let is_xtask = arguments.next() == Some(OsString::from(XTASK));
    is_xtask.then(|| watertight_xtask::run(arguments))
}

pub fn migrate(workload: &Workload, url: &str, _start: Start) -> Result<()> {
    let output = Command::new(env::current_exe()?)
        .args([XTASK, "migrate", "--no-schema"])
        .current_dir(workload.root())
        .env_remove("CARGO_MANIFEST_DIR")
        .env("DATABASE_URL", url)
        .output()?;
    ensure!(
        output.status.success(),
        "failed to run `cargo xtask migrate`: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
