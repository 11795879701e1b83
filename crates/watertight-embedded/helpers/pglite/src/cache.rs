//! The files that PGlite unpacks from the program once: PostgreSQL's files and its compiled code.
//!
//! By default PGlite unpacks them to the user's cache folder. Here they are beside the program, so that both are removed
//! together, and are renamed when they are complete: PGlite does not detect files that a killed process left incomplete.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use pglite_oxide::Pglite;

/// Unpacks the files in a child process unless they exist.
pub fn ensure() -> Result<()> {
    let folder = folder()?;
    if folder.exists() {
        return Ok(());
    }
    // Concurrent processes wait.
    let lock = File::create(folder.with_extension("lock")).context("failed to create a lock")?;
    lock.lock()?;
    if folder.exists() {
        return Ok(());
    }
    let new = folder.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("failed to remove {}", new.display()))?;
    }
    let mut unpack = with_cache(&new)?;
    // The child holds the lock too, as it continues when this process is killed.
    let held = Stdio::from(lock.try_clone()?);
    let status = unpack.arg("unpack").stdin(held).status()?;
    ensure!(
        status.success(),
        "failed to unpack PGlite; see the error above"
    );
    fs::rename(&new, &folder).context("failed to rename the unpacked files")
}

/// Makes PGlite unpack all files.
pub fn unpack() -> Result<()> {
    let mut postgres = Pglite::temporary()?;
    postgres.exec("SELECT 1", None)?;
    postgres.close()
}

/// Returns a command for this program that uses the unpacked files.
pub fn command() -> Result<Command> {
    with_cache(&folder()?)
}

/// Returns the folder beside `bin` of the program `…/watertight-pglite-FINGERPRINT/bin/watertight-pglite`.
fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program
        .ancestors()
        .nth(2)
        .context("the program has no parent folder")?;
    Ok(folder.join("unpacked"))
}

fn with_cache(cache: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    // PGlite uses the first on Linux, and the second on macOS.
    command.env("XDG_CACHE_HOME", cache).env("HOME", cache);
    Ok(command)
}
