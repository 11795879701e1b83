use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::generator::edit::plugins_rs::{self, Registration};
use crate::generator::edit::root_manifest::RootManifest;
use crate::generator::edit::server_manifest::ServerManifest;
use crate::generator::file_plan::FilePlan;
use crate::generator::rust_format::Formatting;
use crate::workspace::line_endings::LineEndings;
use crate::workspace::{Workspace, WorkspacePlugin};

/// What the server's `plugins.rs` is written for.
const HOST: &str = "watertight-host";

/// Plans what makes `plugins` (all that exist, or will) members of the workspace and known to its server.
///
/// A plugin that does not exist yet is in `plan` with its files; what its manifest inherits is added to the
/// workspace.
///
/// # Errors
///
/// Names the file that cannot be read or changed.
pub(crate) fn plan(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    plan: &mut FilePlan,
) -> Result<()> {
    let root_file = SourceFile::read(workspace, "Cargo.toml".into())?;
    let failed = || "failed to change Cargo.toml";
    let mut root = RootManifest::parse(&root_file.plain()).with_context(failed)?;
    if let Some(manifest) = plan.new_file("Cargo.toml") {
        root.add_inherited_by(manifest).with_context(failed)?;
    }
    let edition = root.edition().to_owned();

    let server_folder = workspace.server_folder();
    let server = workspace
        .root()
        .join(server_folder)
        .join("Cargo.toml")
        .exists();
    let mut server_edits = Vec::new();
    let mut own = Vec::new();
    if server {
        let path = server_folder.join("Cargo.toml");
        let file = SourceFile::read(workspace, path.clone())?;
        let failed = || format!("failed to change {}", path.display());
        let mut manifest = ServerManifest::parse(&file.plain()).with_context(failed)?;
        for plugin in plugins {
            if !manifest.add(&plugin.package_name).with_context(failed)? {
                own.push(plugin.id);
            }
        }
        if manifest.add(HOST).with_context(failed)? {
            root.add_inherited(HOST)
                .context("failed to change Cargo.toml")?;
        }
        server_edits.push((file, manifest.text()));

        let path = server_folder.join("src/plugins.rs");
        let file = SourceFile::read(workspace, path.clone())?;
        let folder = workspace.root().join(server_folder);
        let text = plugins_rs::text(&registrations(workspace, plugins, plan)?);
        let text = Formatting::start(&text, &edition, &folder)?.finish(&path)?;
        server_edits.push((file, text));
    } else {
        plan.notes.push(format!(
            "There is no server in {}; the plugin is not part of one.",
            server_folder.display()
        ));
    }

    for plugin in plugins {
        let folder = slashes(workspace.relative(&plugin.folder));
        root.add_member(&folder).with_context(failed)?;
        if !own.contains(&plugin.id) {
            root.add_path_dependency(&plugin.package_name, &folder)
                .with_context(failed)?;
        }
    }

    root_file.edit(&root.text(), plan);
    for (file, text) in server_edits {
        file.edit(&text, plan);
    }
    Ok(())
}

/// How the server registers each plugin.
fn registrations(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    plan: &FilePlan,
) -> Result<Vec<Registration>> {
    let mut registrations = Vec::new();
    for plugin in plugins {
        let path = workspace.relative(&plugin.folder).join("src/lib.rs");
        let is_new = plan
            .folder
            .as_ref()
            .is_some_and(|folder| path.starts_with(&folder.path));
        let library = if is_new {
            plan.new_file("src/lib.rs").unwrap_or_default().to_owned()
        } else {
            SourceFile::read(workspace, path.clone())?.plain()
        };
        registrations.push(Registration {
            library: plugin.library_name(),
            has_plugin_function: plugins_rs::has_plugin_function(&path, &library)?,
        });
    }
    Ok(registrations)
}

/// The names of the packages that the workspace has already, each with its folder relative to the root.
///
/// # Errors
///
/// When a manifest cannot be read.
pub(crate) fn packages(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let root_file = SourceFile::read(workspace, "Cargo.toml".into())?;
    let root = RootManifest::parse(&root_file.plain()).context("failed to read Cargo.toml")?;
    let mut packages = Vec::new();
    for member in root.members()?.into_iter().chain([".".to_owned()]) {
        let pattern = workspace.root().join(member);
        let folders = glob::glob(&pattern.to_string_lossy()).context("failed to read `members`")?;
        for folder in folders.flatten() {
            let manifest = folder.join("Cargo.toml");
            if manifest.is_file()
                && let Some(name) = crate::workspace::package_name(&manifest)?
            {
                packages.push((name, workspace.relative(&folder).to_owned()));
            }
        }
    }
    Ok(packages)
}

/// A file as it is now, or nothing.
struct SourceFile {
    path: PathBuf,
    text: Option<String>,
}

impl SourceFile {
    fn read(workspace: &Workspace, path: PathBuf) -> Result<Self> {
        let text = match fs::read_to_string(workspace.root().join(&path)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(format!("failed to read {}", path.display())),
        };
        Ok(Self { path, text })
    }

    fn plain(&self) -> String {
        LineEndings::plain(self.text.as_deref().unwrap_or_default())
    }

    fn edit(self, edited: &str, plan: &mut FilePlan) {
        if self.text.is_some() && self.plain() == edited {
            return;
        }
        let style = LineEndings::of(self.text.as_deref().unwrap_or_default());
        plan.edit(self.path, self.text, style.restore(edited));
    }
}

fn slashes(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}
