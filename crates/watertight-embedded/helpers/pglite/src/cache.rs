//! What PGlite unpacks from the program, once: the files of PostgreSQL, and its compiled code.
//!
//! PGlite keeps it in the user's cache. It is to lie beside the program, so that both go together, and it is to be there
//! as a whole or not at all: PGlite itself does not see when a kill has left half of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use pglite_oxide::Pglite;

/// Unpacks it unless it is there, in a process of its own.
pub fn ensure() -> Result<()> {
    let folder = folder()?;
    if folder.exists() {
        return Ok(());
    }
    // Others who need it wait.
    let lock = File::create(folder.with_extension("lock")).context("failed to create a lock")?;
    lock.lock()?;
    if folder.exists() {
        return Ok(());
    }
    let new = folder.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("failed to remove {}", new.display()))?;
    }
    let mut unpack = of_this_program(&new)?;
    // It holds the lock too: when this process is killed, it goes on.
    let held = Stdio::from(lock.try_clone()?);
    let status = unpack.arg("unpack").stdin(held).status()?;
    ensure!(
        status.success(),
        "failed to unpack PGlite; see what is said above"
    );
    fs::rename(&new, &folder).context("failed to put what PGlite unpacks in its place")
}

/// Does what makes PGlite unpack everything.
pub fn unpack() -> Result<()> {
    let mut postgres = Pglite::temporary()?;
    postgres.exec("SELECT 1", None)?;
    postgres.close()
}

/// This program, which uses what is unpacked.
pub fn command() -> Result<Command> {
    of_this_program(&folder()?)
}

/// Beside the folder of the program: `…/watertight-pglite-FINGERPRINT/bin/watertight-pglite`.
fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program
        .ancestors()
        .nth(2)
        .context("the program lies nowhere")?;
    Ok(folder.join("unpacked"))
}

fn of_this_program(cache: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    // The first on Linux, the second on macOS.
    command.env("XDG_CACHE_HOME", cache).env("HOME", cache);
    Ok(command)
}
