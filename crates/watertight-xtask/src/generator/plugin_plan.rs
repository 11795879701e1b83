//! The files of a new plugin.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use serde::Serialize;
use watertight_metadata::PluginId;

use super::file_plan::{FilePlan, NewFile};
use super::rust_format::format_files;
use super::table_name::TableName;
use super::timestamp::Timestamp;
use super::{apply, templates, wiring};
use crate::output::hint::hinted;
use crate::workspace::{Workspace, WorkspacePlugin, cargo_lock};

/// The name of the example table, unless another is chosen.
pub(crate) const DEFAULT_TABLE: &str = "items";

/// The options of a new plugin.
pub(crate) struct NewPlugin {
    pub(crate) id: PluginId,
    pub(crate) description: Option<String>,
    pub(crate) table: TableName,
    /// Whether it has permissions and routes, or tables only.
    pub(crate) has_routes: bool,
    /// The version of the first migration; by default the time.
    pub(crate) timestamp: Option<Timestamp>,
}

/// The values that the templates of a plugin can use.
#[derive(Serialize)]
struct Values<'a> {
    id: &'a str,
    description: &'a str,
    package: &'a str,
    library: &'a str,
    schema: &'a str,
    table: Table<'a>,
    version: String,
    inherited: Vec<&'static str>,
    edition: &'a str,
    lints: bool,
    server: bool,
    mount_path: &'a str,
}

#[derive(Serialize)]
struct Table<'a> {
    name: &'a str,
    rust_name: String,
    type_name: String,
    /// The name of one row: `order_line`.
    row: String,
}

impl NewPlugin {
    /// Returns a plugin with the defaults of `new-plugin`.
    ///
    /// # Errors
    ///
    /// Never: the default table has a valid name.
    pub(crate) fn with_defaults(id: PluginId) -> Result<Self> {
        Ok(Self {
            id,
            description: None,
            table: TableName::parse(DEFAULT_TABLE)?,
            has_routes: true,
            timestamp: None,
        })
    }

    /// Plans the plugin's files and the edits that make it part of the workspace. For a plugin that exists, plans only
    /// the missing edits.
    ///
    /// # Errors
    ///
    /// When its id or folder is taken, or a file cannot be read or edited.
    pub(crate) fn plan(&self, workspace: &Workspace) -> Result<FilePlan> {
        let id = self.id;
        let mut plugins = workspace.plugins()?;
        let folder = workspace.plugins_folder().join(id.as_str());
        if let Some(existing) = plugins.iter().find(|plugin| plugin.id == id) {
            let existing = workspace.relative(&existing.folder);
            ensure!(
                existing == folder,
                hinted(
                    format!(
                        "failed to create plugin `{id}`: the plugin in {} has that id",
                        existing.display()
                    ),
                    "choose another id"
                )
            );
            let mut plan = FilePlan::default();
            if self.description.is_some() || self.table.as_str() != DEFAULT_TABLE {
                plan.notes.push(format!(
                    "Plugin `{id}` exists already: `--description` and `--table` have no effect."
                ));
            }
            wiring::plan(workspace, &plugins, &mut plan)?;
            return Ok(plan);
        }

        self.check_free(workspace, &folder)?;
        let mut plan = FilePlan::create_folder(folder.clone(), self.files(workspace)?);
        plugins.push(WorkspacePlugin {
            id,
            dependencies: Vec::new(),
            folder: workspace.root().join(folder),
            package_name: id.package_name(),
        });
        plugins.sort_by_key(|plugin| plugin.id);
        wiring::plan(workspace, &plugins, &mut plan)?;
        Ok(plan)
    }

    /// Writes the plugin into the workspace with this root. Returns the workspace and what was written.
    ///
    /// # Errors
    ///
    /// The first failure. Nothing is written then.
    pub(crate) fn write(&self, root: &Path) -> Result<(Workspace, FilePlan)> {
        let _lock = apply::lock(root)?;
        // Read under the lock: another run may have just changed the manifests.
        let workspace = Workspace::at(root)?;
        let mut plan = self.plan(&workspace)?;
        if !plan.is_empty() {
            let also = [Path::new("Cargo.lock")];
            apply::apply(root, &plan, &also, || cargo_lock::update(root))?;
        } else if cargo_lock::update_if_outdated(root)? {
            // A run that was killed may have written everything but Cargo.lock.
            plan.notes.push("Updated Cargo.lock.".to_owned());
        }
        Ok((workspace, plan))
    }

    /// Checks that the folder and the package name are not taken.
    fn check_free(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        let id = self.id;
        ensure!(
            fs::symlink_metadata(workspace.root().join(folder)).is_err(),
            hinted(
                format!(
                    "failed to create plugin `{id}`: {} exists and is not that plugin",
                    folder.display()
                ),
                "move it away, or choose another id"
            )
        );
        for (name, folder) in wiring::packages(workspace)? {
            if name == id.package_name() {
                let folder = if folder.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    &folder
                };
                bail!(hinted(
                    format!(
                        "failed to create plugin `{id}`: the package in {} has the name {name}",
                        folder.display()
                    ),
                    "choose another id"
                ));
            }
        }
        Ok(())
    }

    /// Renders and formats the plugin's files.
    fn files(&self, workspace: &Workspace) -> Result<Vec<NewFile>> {
        let root = wiring::root_manifest(workspace)?;
        let id = self.id;
        let description = match &self.description {
            Some(description) => description.clone(),
            None => format!("The plugin {id}"),
        };
        let version = self.timestamp.unwrap_or_else(Timestamp::now);
        let values = Values {
            id: id.as_str(),
            description: &description,
            package: &id.package_name(),
            library: id.schema_name(),
            schema: id.schema_name(),
            table: Table {
                name: self.table.as_str(),
                rust_name: self.table.rust_name(),
                type_name: self.table.type_name(),
                row: self.table.row(),
            },
            version: version.to_string(),
            inherited: root.package_keys(),
            edition: root.edition(),
            lints: root.has_lints(),
            server: self.has_routes,
            mount_path: id.mount_path(),
        };
        let overrides = workspace.root().join(workspace.templates_folder());
        let mut files = templates::render("plugin", &overrides, &values)?;
        if self.has_routes {
            files.extend(templates::render("plugin-server", &overrides, &values)?);
            files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        format_files(&mut files, root.edition(), workspace.root())?;
        Ok(files)
    }
}
