use std::path::PathBuf;

use watertight_metadata::PluginId;

/// A plugin of a workspace, as its files describe it.
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
    /// Returns the folder of its migrations, which need not exist.
    pub fn migrations_folder(&self) -> PathBuf {
        self.folder.join("migrations")
    }

    /// Returns the path of its `schema.rs`, which need not exist.
    pub fn schema_file(&self) -> PathBuf {
        self.folder.join("src/schema.rs")
    }

    /// Returns the name of its library in Rust code.
    pub fn library_name(&self) -> String {
        self.package_name.replace('-', "_")
    }
}
