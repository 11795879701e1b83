use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where the sources of the helpers lie, in whatever way this crate came here: from a folder or a git checkout.
const HELPERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helpers");

/// Builds a program that is needed now and then only, and costly to build: the first time for a minute, and later
/// only when its sources have changed.
///
/// Cargo says on stderr what it builds. The result lies in the workspace's `.watertight`, since the folder of the
/// sources may not be ours to write to.
///
/// # Errors
///
/// When it cannot be built.
pub(crate) fn build(name: &str, workspace_root: &Path) -> Result<PathBuf> {
    let target = workspace_root.join(".watertight/helpers");
    let manifest = Path::new(HELPERS).join(name).join("Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--locked", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        // The warnings of other people's crates are not what these are set for.
        .env_remove("RUSTFLAGS");
    let status = command.status().context("failed to run cargo")?;
    ensure!(
        status.success(),
        "failed to build {}; see what Cargo says above",
        manifest.display()
    );
    Ok(target.join("debug").join(format!("watertight-{name}")))
}
