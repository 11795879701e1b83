use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use toml_edit::{DocumentMut, TableLike};
use watertight_embedded::{Database, EmbeddedProgress};
use watertight_metadata::PluginId;

use crate::plugin_source::PluginSource;
use crate::terminal;
use crate::text_style::TextStyle;

/// A Cargo workspace with plugins.
///
/// Its root manifest may say where things are, relative to the root; these are the defaults:
///
/// ```toml
/// [workspace.metadata.watertight]
/// plugins = "plugins"      # each folder in it may be a plugin
/// server = "server"        # the server's package
/// templates = "templates"  # templates that replace the generators' own
/// refresh_schema = true    # write a plugin's schema.rs when its migrations have run
/// template = "template"    # a cargo-generate template of new workspaces; without it, there is none
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    plugins: PathBuf,
    server: PathBuf,
    templates: PathBuf,
    template: Option<PathBuf>,
    refresh_schema: bool,
}

/// A plugin as its folder describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePlugin {
    /// The id, from `src/plugin_metadata.rs`.
    pub id: PluginId,
    /// The plugins that it depends on, from the same file.
    pub dependencies: Vec<PluginId>,
    /// The absolute path of its folder.
    pub folder: PathBuf,
    /// The name of its Cargo package.
    pub package_name: String,
}

impl WorkspacePlugin {
    /// The folder of its migrations. It need not exist.
    pub fn migrations_folder(&self) -> PathBuf {
        self.folder.join("migrations")
    }

    /// Its `schema.rs`. It need not exist.
    pub fn schema_file(&self) -> PathBuf {
        self.folder.join("src/schema.rs")
    }
}

impl Workspace {
    /// Finds the workspace that the command runs in.
    ///
    /// Under `cargo xtask` that is the one of the `xtask` package, else the one of the current folder.
    ///
    /// # Errors
    ///
    /// When no folder upwards has a workspace manifest, or its settings are wrong.
    pub fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => PathBuf::from(package),
            None => env::current_dir().context("failed to find the current folder")?,
        };
        Self::containing(&start)
    }

    /// Finds the workspace that the folder `start` lies in.
    ///
    /// # Errors
    ///
    /// See [`Workspace::find`].
    pub fn containing(start: &Path) -> Result<Self> {
        for folder in start.ancestors() {
            let manifest = folder.join("Cargo.toml");
            if manifest.is_file() {
                let document = read_manifest(&manifest)?;
                if let Some(workspace) = document.get("workspace") {
                    let workspace = workspace.as_table_like();
                    return Self::from_manifest(folder, workspace)
                        .with_context(|| format!("failed to read {}", manifest.display()));
                }
            }
        }
        bail!(
            "failed to find a workspace from {} upwards; run this inside one",
            start.display()
        )
    }

    /// Finds the workspace's database, and says on stderr what takes its time.
    ///
    /// # Errors
    ///
    /// As [`Database::find`].
    pub fn database(&self) -> Result<Database> {
        let report = |progress: EmbeddedProgress| terminal::remark(&progress.to_string());
        Ok(Database::find_with(&self.root, &report)?)
    }

    fn from_manifest(root: &Path, workspace: Option<&dyn TableLike>) -> Result<Self> {
        let mut found = Self {
            root: root.to_owned(),
            plugins: "plugins".into(),
            server: "server".into(),
            templates: "templates".into(),
            template: None,
            refresh_schema: true,
        };
        let settings =
            workspace.and_then(|table| table.get("metadata")?.get("watertight")?.as_table_like());
        for (key, value) in settings.into_iter().flat_map(TableLike::iter) {
            if key == "refresh_schema" {
                found.refresh_schema = value.as_bool().context(
                    "`refresh_schema` in `[workspace.metadata.watertight]` is neither true nor false",
                )?;
                continue;
            }
            let setting = match key {
                "plugins" => &mut found.plugins,
                "server" => &mut found.server,
                "templates" => &mut found.templates,
                "template" => found.template.insert(PathBuf::new()),
                _ => bail!(
                    "`[workspace.metadata.watertight]` has an unknown key `{key}`; there are `plugins`, \
                     `server`, `templates`, `template` and `refresh_schema`"
                ),
            };
            let folder = value.as_str().filter(|text| is_below(Path::new(text)));
            *setting = folder.map(PathBuf::from).ok_or_else(|| {
                anyhow!(
                    "`{key}` in `[workspace.metadata.watertight]` is not a folder below the root"
                )
            })?;
        }
        Ok(found)
    }

    /// The folder of the root manifest.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds the plugins, relative to the root.
    pub fn plugins_folder(&self) -> &Path {
        &self.plugins
    }

    /// The server's folder, relative to the root. It need not exist.
    pub fn server_folder(&self) -> &Path {
        &self.server
    }

    /// The name of the server's package, where there is a server.
    ///
    /// # Errors
    ///
    /// When its manifest cannot be read.
    pub fn server_package(&self) -> Result<Option<String>> {
        let manifest = self.root.join(&self.server).join("Cargo.toml");
        if !manifest.exists() {
            return Ok(None);
        }
        package_name(&manifest)
    }

    /// The folder with the workspace's own templates, relative to the root. It need not exist.
    pub fn templates_folder(&self) -> &Path {
        &self.templates
    }

    /// The cargo-generate template of new workspaces, relative to the root, where there is one.
    pub fn template_folder(&self) -> Option<&Path> {
        self.template.as_deref()
    }

    /// Whether a plugin's `schema.rs` is written anew when its migrations have run.
    pub fn refreshes_schema(&self) -> bool {
        self.refresh_schema
    }

    /// The plugins of the workspace, sorted by id.
    ///
    /// A folder is a plugin when it has `src/plugin_metadata.rs`. That file says the id; the folder's
    /// name does not matter.
    ///
    /// # Errors
    ///
    /// Names the file (and the line) that cannot be read, or the two folders that have the same id.
    pub fn plugins(&self) -> Result<Vec<WorkspacePlugin>> {
        let folder = self.root.join(&self.plugins);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let failed = || format!("failed to list {}", self.plugins.display());
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
                "failed to list the plugins: {} and {} both have the id `{}`; give one another id",
                self.relative(&pair[0].folder).display(),
                self.relative(&pair[1].folder).display(),
                pair[0].id
            );
        }
        Ok(plugins)
    }

    /// The plugins with these ids, or all when none is named.
    ///
    /// # Errors
    ///
    /// As [`Workspace::plugin`].
    pub fn named_or_all(&self, ids: &[String]) -> Result<Vec<WorkspacePlugin>> {
        if ids.is_empty() {
            return self.plugins();
        }
        ids.iter().map(|id| self.plugin(id)).collect()
    }

    /// The plugin with this id.
    ///
    /// # Errors
    ///
    /// When there is none, the error lists those that exist and suggests the nearest.
    pub fn plugin(&self, id: &str) -> Result<WorkspacePlugin> {
        let plugins = self.plugins()?;
        if let Some(plugin) = plugins.iter().find(|plugin| plugin.id.as_str() == id) {
            return Ok(plugin.clone());
        }
        let ids: Vec<&str> = plugins.iter().map(|plugin| plugin.id.as_str()).collect();
        let nearest = ids
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, id), known))
            .min()
            .filter(|(distance, known)| *distance <= known.len().max(id.len()) / 2);
        match nearest {
            Some((_, nearest)) => bail!(
                "failed to find a plugin `{id}`; did you mean `{nearest}`? There are: {}",
                ids.join(", ")
            ),
            None if ids.is_empty() => bail!(
                "failed to find a plugin `{id}`: {} has no plugins; make one with `cargo xtask new-plugin`",
                self.plugins.display()
            ),
            None => bail!(
                "failed to find a plugin `{id}`; there are: {}",
                ids.join(", ")
            ),
        }
    }

    /// `path` relative to the root, for messages.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    fn read_plugin(&self, folder: PathBuf) -> Result<WorkspacePlugin> {
        let metadata = folder.join("src/plugin_metadata.rs");
        let source = PluginSource::read(&metadata, self.relative(&metadata))?;
        let manifest = folder.join("Cargo.toml");
        let package_name = package_name(&manifest)?.ok_or_else(|| {
            anyhow!(
                "failed to find `name` in `[package]` of {}; give the plugin's package a name",
                self.relative(&manifest).display()
            )
        })?;
        Ok(WorkspacePlugin {
            id: source.id,
            dependencies: source.dependencies,
            folder,
            package_name,
        })
    }
}

impl WorkspacePlugin {
    /// The name of its library in Rust code.
    pub fn library_name(&self) -> String {
        self.package_name.replace('-', "_")
    }
}

/// The manifest's `package.name`; none where it has no package.
pub(crate) fn package_name(manifest: &Path) -> Result<Option<String>> {
    let document = read_manifest(manifest)?;
    let name = document
        .get("package")
        .and_then(|package| package.get("name"));
    Ok(name.and_then(|name| name.as_str()).map(str::to_owned))
}

fn read_manifest(path: &Path) -> Result<DocumentMut> {
    let failed = || format!("failed to read {}", path.display());
    let text = fs::read_to_string(path).with_context(failed)?;
    TextStyle::plain(&text).parse().with_context(failed)
}

/// Whether a relative path stays below where it starts.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}
