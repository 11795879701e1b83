use std::path::{Path, PathBuf};

use anyhow::Result;
use watertight_schema::Schema;

use super::WorkspacePlugin;
use super::source_file::SourceFile;

/// A plugin's `schema.rs` as it is on the disk.
pub(crate) struct SchemaFile {
    /// The path relative to the workspace's root.
    pub(crate) path: PathBuf,
    /// The contents, or `None` if there is no file.
    pub(crate) contents: Option<String>,
}

impl SchemaFile {
    /// Reads the file of a plugin of the workspace with this root.
    ///
    /// # Errors
    ///
    /// When it exists but cannot be read.
    pub(crate) fn read(root: &Path, plugin: &WorkspacePlugin) -> Result<Self> {
        let path = plugin.schema_file();
        let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let SourceFile { path, contents } = SourceFile::read(root, path)?;
        Ok(Self { path, contents })
    }

    /// Parses the file. A missing file has no tables.
    ///
    /// # Errors
    ///
    /// Names the position that cannot be parsed.
    pub(crate) fn parse(&self, plugin: &WorkspacePlugin) -> Result<Schema> {
        let source = self.contents.as_deref().unwrap_or_default();
        let path = self.path.display().to_string();
        Ok(Schema::from_rust(source, plugin.id.schema_name(), &path)?)
    }
}
