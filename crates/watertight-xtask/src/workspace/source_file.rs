use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::line_endings::LineEndings;

/// A file of the workspace as it is on the disk.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// The path relative to the root.
    pub(crate) path: PathBuf,
    /// The contents, or `None` if the file does not exist.
    pub(crate) contents: Option<String>,
}

impl SourceFile {
    /// Reads a file by its path relative to the root.
    ///
    /// # Errors
    ///
    /// When it exists but cannot be read.
    pub(crate) fn read(root: &Path, path: PathBuf) -> Result<Self> {
        let contents = match fs::read_to_string(root.join(&path)) {
            Ok(contents) => Some(contents),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(format!("failed to read {}", path.display())),
        };
        Ok(Self { path, contents })
    }

    /// Returns the contents with line feeds only and without a byte order mark. A missing file is empty.
    pub(crate) fn normalized(&self) -> String {
        LineEndings::normalize(self.contents.as_deref().unwrap_or_default())
    }

    /// Returns the line endings of the file.
    pub(crate) fn line_endings(&self) -> LineEndings {
        LineEndings::of(self.contents.as_deref().unwrap_or_default())
    }
}
