use std::path::PathBuf;

use anyhow::Result;
use watertight_schema::Schema;

use super::source_file::SourceFile;
use super::{Workspace, WorkspacePlugin};

/// A plugin's `schema.rs` as it is on the disk.
pub(crate) struct SchemaFile {
    /// The path relative to the workspace's root.
    pub(crate) path: PathBuf,
    /// The contents, or `None` if there is no file.
    pub(crate) contents: Option<String>,
}

impl SchemaFile {
    /// Reads the file of a plugin.
    ///
    /// # Errors
    ///
    /// When it exists but cannot be read.
    pub(crate) fn read(workspace: &Workspace, plugin: &WorkspacePlugin) -> Result<Self> {
        let path = workspace.relative(&plugin.schema_file()).to_owned();
        let SourceFile { path, contents } = SourceFile::read(workspace.root(), path)?;
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
