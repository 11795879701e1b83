//! Watertight's own crates: where they are, and how they are copied into a workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};
use walkdir::{DirEntry, WalkDir};
use watertight_connection::workspace_root;

use crate::output::hint::hinted;

/// The folder of the copy, relative to the workspace's root.
pub(crate) const VENDORED: &str = "vendor/watertight";

/// Writes a copy of the crates into the workspace at `root`.
///
/// # Errors
///
/// When the crates cannot be read or the copy cannot be written.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (path, contents) in copy_of(&self::root()?)? {
        let path = root.join(VENDORED).join(path);
        let parent = path.parent().unwrap_or(root);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, contents))
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

/// The files that are copied beside the crates.
const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "clippy.toml"];

/// The folders of a crate that only its developers need.
const LEFT_OUT: [&str; 3] = ["benches", "target", "tests"];

const README: &str = "\
# Watertight's crates

A copy made by `cargo xtask vendor`, which overwrites changes. It is a workspace of its own, so that the workspace
around it neither tests nor lints it.
";

/// `cargo fmt` in the workspace around the copy does not format it.
const RUSTFMT: &str = "disable_all_formatting = true\n";

/// Returns the folder with the crates that this program was built from: a checkout or a vendored copy.
///
/// The workspace that Cargo runs this program in is searched first: the path from the build is wrong when the workspace
/// was moved, or shares its target folder with another one.
///
/// # Errors
///
/// When the crates are in none of these.
pub(crate) fn root() -> Result<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at_build = crate_folder.ancestors().nth(2).unwrap_or(crate_folder);
    if let Ok(workspace) = workspace_root() {
        for root in [workspace.join(VENDORED), workspace] {
            if check(&root).is_ok() {
                return Ok(root);
            }
        }
    }
    check(at_build)?;
    Ok(at_build.to_owned())
}

/// Checks that a folder contains Watertight's crates.
///
/// # Errors
///
/// When it does not.
pub(crate) fn check(root: &Path) -> Result<()> {
    ensure!(
        root.join("crates/watertight-xtask/Cargo.toml").is_file()
            && root.join("Cargo.toml").is_file(),
        hinted(
            format!(
                "failed to find Watertight's crates in {}: it has no crates/watertight-xtask",
                root.display()
            ),
            "pass the folder of a checkout of Watertight"
        )
    );
    Ok(())
}

/// Returns the files of a copy, by their paths in it.
///
/// The crates are copied without their tests and dev-dependencies. The root manifest has only what they inherit.
///
/// # Errors
///
/// Names the file that cannot be read.
pub(crate) fn copy_of(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    check(root)?;
    let mut files = BTreeMap::new();
    let mut inherited = BTreeSet::new();
    let crates = WalkDir::new(root.join("crates")).into_iter();
    for entry in crates.filter_entry(|entry| !is_left_out(entry)) {
        let entry = entry.with_context(|| format!("failed to list {}", root.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path().strip_prefix(root)?.to_owned();
        let mut contents = read(entry.path())?;
        // Depth 2 is crates/NAME/Cargo.toml. Helpers are workspaces of their own.
        if entry.depth() == 2 && entry.file_name() == "Cargo.toml" {
            let manifest = without_tests(&contents)
                .with_context(|| format!("failed to read {}", path.display()))?;
            inherited.extend(inherited_by(&manifest));
            contents = manifest.to_string();
        }
        files.insert(path, contents);
    }
    let manifest = read(&root.join("Cargo.toml"))?;
    let manifest = root_manifest(&manifest, &inherited).context("failed to read Cargo.toml")?;
    files.insert("Cargo.toml".into(), manifest);
    for name in FILES {
        files.insert(name.into(), read(&root.join(name))?);
    }
    files.insert("README.md".into(), README.to_owned());
    files.insert("rustfmt.toml".into(), RUSTFMT.to_owned());
    Ok(files)
}

fn is_left_out(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let in_crate = entry.depth() >= 2 && entry.file_type().is_dir();
    // A template's folder `tests` is part of the template.
    let is_template = entry
        .path()
        .components()
        .any(|part| part.as_os_str() == "templates");
    name.starts_with('.') || in_crate && !is_template && LEFT_OUT.contains(&&*name)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

fn without_tests(manifest: &str) -> Result<DocumentMut> {
    let mut manifest: DocumentMut = manifest.parse()?;
    for key in ["dev-dependencies", "bench", "test"] {
        manifest.remove(key);
    }
    Ok(manifest)
}

/// Returns the dependencies that a manifest inherits from the workspace.
fn inherited_by(manifest: &DocumentMut) -> Vec<String> {
    let mut names = Vec::new();
    for kind in ["dependencies", "build-dependencies"] {
        let table = manifest.get(kind).and_then(Item::as_table_like);
        for (name, dependency) in table.into_iter().flat_map(TableLike::iter) {
            if dependency.get("workspace").is_some() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

fn root_manifest(manifest: &str, inherited: &BTreeSet<String>) -> Result<String> {
    let manifest: DocumentMut = manifest.parse()?;
    let original = manifest
        .get("workspace")
        .context("it has no `[workspace]`")?;
    let mut workspace = Table::new();
    workspace.set_implicit(true);
    workspace.insert(
        "resolver",
        original.get("resolver").cloned().unwrap_or(value("3")),
    );
    workspace.insert("members", value(toml_edit::Array::from_iter(["crates/*"])));
    for key in ["package", "lints"] {
        if let Some(item) = original.get(key) {
            workspace.insert(key, item.clone());
        }
    }
    let mut dependencies = Table::new();
    let all = original.get("dependencies").and_then(Item::as_table_like);
    for (name, dependency) in all.into_iter().flat_map(TableLike::iter) {
        if inherited.contains(name) {
            dependencies.insert(name, dependency.clone());
        }
    }
    workspace.insert("dependencies", Item::Table(dependencies));
    let mut copy = DocumentMut::new();
    copy.insert("workspace", Item::Table(workspace));
    Ok(copy.to_string())
}
