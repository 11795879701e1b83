//! The data of a workspace's database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use pglite_oxide::Pglite;
use tar::Archive;

use crate::cache;

/// The workspace's database.
pub const DATABASE: &str = "watertight";

/// The folder of PGlite's files for one database, relative to its root.
const RUNTIME: &str = "tmp/pglite";
/// PostgreSQL's data folder, relative to [`RUNTIME`].
const PGDATA: &str = "base";

/// Returns PGlite's root in `folder`.
pub fn root(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Creates the data unless it exists. A child process does it, as that frees its memory.
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
        "failed to create the data; see the error above"
    );
    Ok(())
}

/// Removes a file that PGlite writes whenever it starts. PGlite fails if a killed process left it incomplete.
pub fn clear_before_start(folder: &Path) {
    let runtime = root(folder).join(RUNTIME);
    // It exists only after the first start.
    let _ = fs::remove_file(runtime.join(".pglite-oxide-runtime-layout.json"));
}

/// Creates the data, and renames it when it is complete.
///
/// By default PGlite uses an overlay on a template in its cache, and copies a file when it is first written to. A killed
/// process would leave an incomplete file.
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
    fs::rename(&new, root(folder)).context("failed to rename the data")
}

/// Installs the extensions that come with PGlite, for `CREATE EXTENSION`.
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
