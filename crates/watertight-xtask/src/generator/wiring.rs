//! Makes plugins members of the workspace and part of its server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::edit::plugins_rs::{self, Registration};
use super::edit::root_manifest::RootManifest;
use super::edit::server_manifest;
use super::file_plan::FilePlan;
use super::rust_format::Formatting;
use crate::workspace::source_file::SourceFile;
use crate::workspace::{Workspace, WorkspacePlugin};

/// The crate that the server's `plugins.rs` uses.
const HOST: &str = "watertight-host";

/// Plans the edits that make `plugins` members of the workspace and register them in its server.
///
/// The files of a plugin that does not exist yet are in `plan`. What its manifest inherits is added to the workspace.
///
/// # Errors
///
/// Names the file that cannot be read or changed.
pub(crate) fn plan(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    plan: &mut FilePlan,
) -> Result<()> {
    let failed = || "failed to change Cargo.toml";
    let root_manifest = workspace.manifest(Path::new("Cargo.toml"))?;
    let mut root = RootManifest::new(root_manifest.document.clone()).with_context(failed)?;
    if let Some(manifest) = plan.new_file("Cargo.toml") {
        root.add_inherited_by(manifest).with_context(failed)?;
    }

    let mut server_edits = Vec::new();
    let mut with_own_path = Vec::new();
    if workspace.server_package()?.is_some() {
        let path = workspace.server_folder().join("Cargo.toml");
        let failed_server = || format!("failed to change {}", path.display());
        let server_manifest = workspace.manifest(&path)?;
        // The root package can be the server: then both edit one manifest.
        let mut separate = (server_manifest.file.path != root_manifest.file.path)
            .then(|| server_manifest.document.clone());
        let mut add = |root: &mut RootManifest, package: &str| {
            let document = separate.as_mut().unwrap_or_else(|| root.document_mut());
            server_manifest::add_dependency(document, package).with_context(failed_server)
        };
        for plugin in plugins {
            if !add(&mut root, &plugin.package_name)? {
                with_own_path.push(plugin.id);
            }
        }
        if add(&mut root, HOST)? {
            root.add_inherited(HOST).with_context(failed)?;
        }
        if let Some(document) = separate {
            server_edits.push((server_manifest.file.clone(), document.to_string()));
        }

        let path = workspace.server_folder().join("src/plugins.rs");
        let contents = plugins_rs::contents(&registrations(workspace, plugins, plan)?);
        let folder = workspace.root().join(workspace.server_folder());
        let contents = Formatting::start(&contents, root.edition(), &folder)?.finish(&path)?;
        server_edits.push((SourceFile::read(workspace.root(), path)?, contents));
    } else {
        plan.notes.push(format!(
            "There is no server in {}; the plugin is not part of one.",
            workspace.server_folder().display()
        ));
    }
    root.check_versions()?;

    for plugin in plugins {
        let folder = slashes(workspace.relative(&plugin.folder));
        root.add_member(&folder).with_context(failed)?;
        if !with_own_path.contains(&plugin.id) {
            root.add_path_dependency(&plugin.package_name, &folder)
                .with_context(failed)?;
        }
    }

    write(&root_manifest.file, &root.to_toml(), plan);
    for (file, contents) in server_edits {
        write(&file, &contents, plan);
    }
    Ok(())
}

/// Returns how the server registers each plugin.
fn registrations(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    plan: &FilePlan,
) -> Result<Vec<Registration>> {
    let mut registrations = Vec::new();
    for plugin in plugins {
        let path = workspace.relative(&plugin.folder).join("src/lib.rs");
        let library = if plan.creates_folder_of(&path) {
            plan.new_file("src/lib.rs").unwrap_or_default().to_owned()
        } else {
            SourceFile::read(workspace.root(), path.clone())?.normalized()
        };
        registrations.push(Registration {
            library: plugin.library_name(),
            has_plugin_function: plugins_rs::has_plugin_function(&path, &library)?,
        });
    }
    Ok(registrations)
}

/// Returns the names of the workspace's packages, each with its folder relative to the root.
///
/// # Errors
///
/// When a manifest cannot be read.
pub(crate) fn packages(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let root = root_manifest(workspace)?;
    let mut packages = Vec::new();
    for member in root.members()?.into_iter().chain([".".to_owned()]) {
        let pattern = workspace.root().join(member);
        let folders = glob::glob(&pattern.to_string_lossy()).context("failed to read `members`")?;
        for folder in folders.flatten() {
            let folder = workspace.relative(&folder).to_owned();
            let manifest = folder.join("Cargo.toml");
            if workspace.root().join(&manifest).is_file()
                && let Some(name) = workspace.manifest(&manifest)?.package_name()
            {
                packages.push((name.to_owned(), folder));
            }
        }
    }
    Ok(packages)
}

/// Returns the workspace's root manifest.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn root_manifest(workspace: &Workspace) -> Result<RootManifest> {
    let manifest = workspace.manifest(Path::new("Cargo.toml"))?;
    RootManifest::new(manifest.document.clone()).context("failed to read Cargo.toml")
}

/// Plans to write a file with the line endings that it has.
fn write(file: &SourceFile, contents: &str, plan: &mut FilePlan) {
    if file.contents.is_none() || file.normalized() != contents {
        let after = file.line_endings().restore(contents);
        plan.write(file.path.clone(), file.contents.clone(), after);
    }
}

fn slashes(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}
