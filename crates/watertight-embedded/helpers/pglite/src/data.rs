//! The data of a workspace's database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use pglite_oxide::Pglite;
use tar::Archive;

use crate::cache;

/// The database that a workspace uses.
pub const DATABASE: &str = "watertight";

/// Where PGlite has what belongs to one database, below its own folder.
const RUNTIME: &str = "tmp/pglite";
/// PostgreSQL's data folder, below that.
const PGDATA: &str = "base";

/// PGlite's folder in `folder`.
pub fn root(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Makes the data unless it is there, in a process of its own, whose memory goes with it.
pub fn ensure(folder: &Path) -> Result<()> {
    if root(folder).exists() {
        return Ok(());
    }
    let status = cache::command()?
        .arg("init")
        .arg(folder)
        .stdin(Stdio::null())
        .status()?;
    ensure!(
        status.success(),
        "failed to create the data; see what is said above"
    );
    Ok(())
}

/// Removes what PGlite writes anew whenever it starts, and does not read when a kill has left half of it.
pub fn clear_before_start(folder: &Path) {
    let runtime = root(folder).join(RUNTIME);
    // It is there only after the first start.
    let _ = fs::remove_file(runtime.join(".pglite-oxide-runtime-layout.json"));
}

/// Makes the data: beside its place first, so that it is there as a whole or not at all.
///
/// By itself PGlite would begin with an overlay on a template in its cache, and copy a file of it when it is first
/// written to. A kill in the middle of that would leave half a file.
pub fn init(folder: &Path) -> Result<()> {
    let new = folder.join("data.new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("failed to remove {}", new.display()))?;
    }
    let template = pglite_oxide_assets::pgdata_template_archive()
        .context("failed to find PGlite's template of a data folder in this build")?;
    unpack(template, &new.join(RUNTIME).join(PGDATA))?;
    install_extensions(&new)?;

    let mut postgres = Pglite::builder().path(&new).database("postgres").open()?;
    postgres.exec(&format!("CREATE DATABASE {DATABASE}"), None)?;
    postgres.close()?;
    fs::rename(&new, root(folder)).context("failed to put the data in its place")
}

/// Puts the extensions that come with PGlite where `CREATE EXTENSION` finds them.
pub fn install_extensions(root: &Path) -> Result<()> {
    for extension in pglite_oxide_assets::manifest()?.extensions {
        if let Some(archive) = pglite_oxide_assets::extension_archive(&extension.sql_name) {
            unpack(archive, &root.join(RUNTIME))?;
        }
    }
    Ok(())
}

fn unpack(archive: &[u8], folder: &Path) -> Result<()> {
    let unpack = || {
        fs::create_dir_all(folder)?;
        Archive::new(zstd::Decoder::new(archive)?).unpack(folder)
    };
    unpack().with_context(|| format!("failed to write {}", folder.display()))
}
