use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// Lets Cargo read the workspace as it is now and bring `Cargo.lock` up to date. Packages that are locked
/// already keep their version.
///
/// The network is used only when what Cargo has on this machine is not enough.
///
/// # Errors
///
/// Cargo's own message, when it rejects the workspace.
pub(crate) fn update(root: &Path) -> Result<()> {
    if resolve(root, &["--offline"])?.status.success() {
        return Ok(());
    }
    let output = resolve(root, &[])?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!(
            "failed to bring Cargo.lock up to date, so nothing was changed; Cargo says:\n{}",
            message.trim_end()
        );
    }
    Ok(())
}

/// As [`update`], and says whether anything was missing.
///
/// # Errors
///
/// As [`update`].
pub(crate) fn update_if_stale(root: &Path) -> Result<bool> {
    let read = || fs::read(root.join("Cargo.lock")).ok();
    let before = read();
    update(root)?;
    Ok(read() != before)
}

fn resolve(root: &Path, arguments: &[&str]) -> Result<Output> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        // Of the commands that write Cargo.lock, this one takes the least time.
        .args(["tree", "--workspace", "--depth", "0", "--quiet"])
        .args(arguments)
        .current_dir(root)
        .output()
        .context("failed to run cargo")
}
