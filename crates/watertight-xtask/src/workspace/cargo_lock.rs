use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail};

use super::cargo_command::cargo;

/// Updates `Cargo.lock` to the workspace's manifests. Packages that are locked already keep their versions.
///
/// The network is used only if the packages on this machine are not enough.
///
/// # Errors
///
/// Cargo's message, when it rejects the workspace.
pub(crate) fn update(root: &Path) -> Result<()> {
    if resolve(root, &["--offline"])?.status.success() {
        return Ok(());
    }
    let output = resolve(root, &[])?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!(
            "failed to update Cargo.lock, so nothing was changed:\n{}",
            message.trim_end()
        );
    }
    Ok(())
}

/// Updates `Cargo.lock` as [`update`] does, and returns whether it was outdated.
///
/// # Errors
///
/// As [`update`].
pub(crate) fn update_if_outdated(root: &Path) -> Result<bool> {
    let read = || fs::read(root.join("Cargo.lock")).ok();
    let before = read();
    update(root)?;
    Ok(read() != before)
}

fn resolve(root: &Path, arguments: &[&str]) -> Result<Output> {
    cargo(root)
        // The fastest of the commands that write Cargo.lock.
        .args(["tree", "--workspace", "--depth", "0", "--quiet"])
        .args(arguments)
        .output()
        .context("failed to run cargo")
}
