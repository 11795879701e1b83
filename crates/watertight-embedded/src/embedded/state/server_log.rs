use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::embedded_error::EmbeddedError;

/// A longer log is truncated when the server starts.
const MAX_LENGTH: u64 = 4 << 20;
/// The number of lines that an error shows.
const MAX_LINES: usize = 15;

/// The log of a server, positioned at its end when the server was started.
pub(crate) struct ServerLog {
    path: PathBuf,
    file: File,
}

impl ServerLog {
    pub(crate) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(path)?;
            if file.metadata()?.len() > MAX_LENGTH {
                file.set_len(0)?;
            }
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            file: open().map_err(EmbeddedError::at(path))?,
        })
    }

    /// Opens the log for the server to write to.
    pub(crate) fn for_server(&self) -> Result<File, EmbeddedError> {
        let opened = OpenOptions::new().append(true).open(&self.path);
        opened.map_err(EmbeddedError::at(&self.path))
    }

    /// Returns the last lines that the server has logged since it was started.
    pub(crate) fn tail(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.file.read_to_end(&mut bytes);
        let contents = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = contents.lines().collect();
        lines[lines.len().saturating_sub(MAX_LINES)..].join("\n")
    }
}
