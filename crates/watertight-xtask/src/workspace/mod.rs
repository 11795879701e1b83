//! The Cargo workspace that the commands work on: its settings, manifests and plugins.

pub(crate) mod applied_sql;
pub(crate) mod cargo_command;
pub(crate) mod cargo_lock;
mod line_endings;
mod manifests;
mod migrate_settings;
mod plugin_source;
pub(crate) mod schema_file;
mod settings;
pub(crate) mod source_file;
mod workspace_plugin;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use watertight_embedded::{Database, EmbeddedProgress};

use crate::output::hint::{Hint as _, hinted};
use crate::output::terminal;
use manifests::{Manifest, Manifests};
use migrate_settings::MigrateSettings;
use plugin_source::PluginSource;
use settings::Settings;

pub(crate) use settings::is_below;
pub use workspace_plugin::WorkspacePlugin;

/// A Cargo workspace with plugins.
///
/// Its root manifest can set these folders, relative to the root. These are the defaults:
///
/// ```toml
/// [workspace.metadata.watertight]
/// plugins = "plugins"      # each folder in it can be a plugin
/// server = "server"        # the server's package; "." is the root package
/// templates = "templates"  # templates that replace those of the generators
/// refresh_schema = true    # rewrite a plugin's schema.rs after its migrations have run
/// template = "template"    # a cargo-generate template of new workspaces; none by default
///
/// [workspace.metadata.watertight.migrate]
/// ahead = "warn"           # if the history is ahead of the code: "allow", "warn" or "deny"
/// out_of_order = "warn"    # if a pending migration is older than an applied one
/// statement_lock_timeout = "5s"  # PostgreSQL's lock_timeout for migrations in a transaction; "none" for none
/// ```
///
/// Each manifest is read once: a `Workspace` does not see later changes.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    settings: Settings,
    manifests: Manifests,
}

impl Workspace {
    /// Finds the workspace of the package that Cargo runs, or else of the current folder.
    ///
    /// # Errors
    ///
    /// When there is none, or its settings are not valid.
    pub fn find() -> Result<Self> {
        Self::at(&watertight_connection::workspace_root()?)
    }

    /// Reads the workspace with this root folder.
    ///
    /// # Errors
    ///
    /// When its manifest cannot be read or its settings are not valid.
    pub fn at(root: &Path) -> Result<Self> {
        let manifests = Manifests::default();
        let manifest = manifests.get(root, Path::new("Cargo.toml"))?;
        let settings = Settings::read(manifest.document.as_item()).with_context(|| {
            let path = root.join("Cargo.toml");
            format!("failed to read {}", path.display())
        })?;
        Ok(Self {
            root: root.to_owned(),
            settings,
            manifests,
        })
    }

    /// Finds the workspace's database, and prints slow steps and warnings to stderr.
    ///
    /// # Errors
    ///
    /// As [`Database::find`].
    pub fn database(&self) -> Result<Database> {
        let report = |progress: EmbeddedProgress| terminal::status(&progress.to_string());
        let database = Database::find_with(&self.root, &report)?;
        for warning in database.url().warnings() {
            terminal::status(&format!("warning: {warning}"));
        }
        Ok(database)
    }

    /// Returns the folder of the root manifest.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the plugins, relative to the root.
    pub fn plugins_folder(&self) -> &Path {
        &self.settings.plugins
    }

    /// Returns the server's folder, relative to the root. It need not exist.
    pub fn server_folder(&self) -> &Path {
        &self.settings.server
    }

    /// Returns the folder of the workspace's own templates, relative to the root. It need not exist.
    pub fn templates_folder(&self) -> &Path {
        &self.settings.templates
    }

    /// Returns the cargo-generate template of new workspaces, relative to the root, if there is one.
    pub fn template_folder(&self) -> Option<&Path> {
        self.settings.template.as_deref()
    }

    /// Returns whether a plugin's `schema.rs` is rewritten after its migrations have run.
    pub fn refreshes_schema(&self) -> bool {
        self.settings.refresh_schema
    }

    /// Returns the settings of migrators.
    pub(crate) fn migrate_settings(&self) -> &MigrateSettings {
        &self.settings.migrate
    }

    /// Returns the name of the server's package, if there is a server.
    ///
    /// # Errors
    ///
    /// When its manifest cannot be read.
    pub fn server_package(&self) -> Result<Option<String>> {
        let manifest = self.server_folder().join("Cargo.toml");
        if !self.root.join(&manifest).exists() {
            return Ok(None);
        }
        let manifest = self.manifest(&manifest)?;
        Ok(manifest.package_name().map(str::to_owned))
    }

    /// Returns the plugins of the workspace, sorted by id.
    ///
    /// A folder is a plugin if it has `src/plugin_metadata.rs`. That file has the id; the folder's name does not matter.
    ///
    /// # Errors
    ///
    /// Names the file (and the line) that cannot be read, or two folders with the same id.
    pub fn plugins(&self) -> Result<Vec<WorkspacePlugin>> {
        let folder = self.root.join(self.plugins_folder());
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let failed = || format!("failed to list {}", self.plugins_folder().display());
        let mut plugins: Vec<WorkspacePlugin> = Vec::new();
        for entry in fs::read_dir(&folder).with_context(failed)? {
            let entry = entry.with_context(failed)?.path();
            let hidden = entry
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
            if !hidden && entry.join("src/plugin_metadata.rs").exists() {
                plugins.push(self.read_plugin(entry)?);
            }
        }
        plugins.sort_by(|a, b| (a.id, &a.folder).cmp(&(b.id, &b.folder)));
        for pair in plugins.windows(2) {
            ensure!(
                pair[0].id != pair[1].id,
                hinted(
                    format!(
                        "failed to list the plugins: {} and {} have the same id `{}`",
                        self.relative(&pair[0].folder).display(),
                        self.relative(&pair[1].folder).display(),
                        pair[0].id
                    ),
                    "give one of them another id"
                )
            );
        }
        Ok(plugins)
    }

    /// Returns the plugins with these ids, or all plugins if there are no ids.
    ///
    /// # Errors
    ///
    /// As [`Workspace::plugin`].
    pub fn named_or_all(&self, ids: &[String]) -> Result<Vec<WorkspacePlugin>> {
        let plugins = self.plugins()?;
        if ids.is_empty() {
            return Ok(plugins);
        }
        ids.iter()
            .map(|id| self.find_plugin(&plugins, id))
            .collect()
    }

    /// Returns the plugin with this id.
    ///
    /// # Errors
    ///
    /// When there is none. The hint has the most similar id, or all ids.
    pub fn plugin(&self, id: &str) -> Result<WorkspacePlugin> {
        self.find_plugin(&self.plugins()?, id)
    }

    /// Returns `path` relative to the root, if it is below the root.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Returns the manifest at a path relative to the root.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn manifest(&self, path: &Path) -> Result<Rc<Manifest>> {
        self.manifests.get(&self.root, path)
    }

    fn find_plugin(&self, plugins: &[WorkspacePlugin], id: &str) -> Result<WorkspacePlugin> {
        if let Some(plugin) = plugins.iter().find(|plugin| plugin.id.as_str() == id) {
            return Ok(plugin.clone());
        }
        let message = format!("failed to find a plugin `{id}`");
        let ids: Vec<&str> = plugins.iter().map(|plugin| plugin.id.as_str()).collect();
        let most_similar = ids
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, id), known))
            .min()
            .filter(|(distance, known)| *distance <= known.len().max(id.len()) / 2);
        let all = ids.join(", ");
        match most_similar {
            Some((_, similar)) => bail!(hinted(
                message,
                format!("did you mean `{similar}`? The plugins are: {all}")
            )),
            None if ids.is_empty() => bail!(hinted(
                format!(
                    "{message}: {} has no plugins",
                    self.plugins_folder().display()
                ),
                "create one with `cargo xtask new-plugin`"
            )),
            None => bail!(hinted(message, format!("the plugins are: {all}"))),
        }
    }

    fn read_plugin(&self, folder: PathBuf) -> Result<WorkspacePlugin> {
        let metadata = folder.join("src/plugin_metadata.rs");
        let source = PluginSource::read(&metadata, self.relative(&metadata))?;
        let manifest = folder.join("Cargo.toml");
        let path = self.relative(&manifest);
        let manifest = self.manifest(path)?;
        let package_name = manifest
            .package_name()
            .ok_or_else(|| anyhow!("failed to find `name` in `[package]` of {}", path.display()))
            .hint("give the plugin's package a name")?;
        Ok(WorkspacePlugin {
            id: source.id,
            dependencies: source.dependencies,
            package_name: package_name.to_owned(),
            folder,
        })
    }
}
