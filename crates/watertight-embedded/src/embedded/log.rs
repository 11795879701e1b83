//! The log of a server.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::EmbeddedError;
use super::home::in_folder;

/// A log that is longer is begun anew when the server starts.
const LONGEST: u64 = 4 << 20;
/// How much of the log an error shows.
const LINES: usize = 15;

/// The log, from where a server that is just started goes on with it.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    pub(super) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(path)?;
            if file.metadata()?.len() > LONGEST {
                file.set_len(0)?;
            }
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            file: open().map_err(in_folder(path))?,
        })
    }

    /// What the server writes to.
    pub(super) fn for_server(&self) -> Result<File, EmbeddedError> {
        let opened = OpenOptions::new().append(true).open(&self.path);
        opened.map_err(in_folder(&self.path))
    }

    /// The last lines that the server has written since it was started.
    pub(super) fn tail(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.file.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
