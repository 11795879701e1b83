//! The file beside a socket that marks it as a PGlite's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::holder::Holder;

const NAME: &str = "pglite.json";

/// Removes the file if it exists.
pub fn remove(sockets: &Path) {
    let _ = fs::remove_file(sockets.join(NAME));
}

/// The marker file, which clients find by the path of the socket.
pub struct Marker {
    folder: PathBuf,
    sockets: PathBuf,
    version: String,
}

impl Marker {
    pub fn new(folder: &Path, sockets: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            sockets: sockets.to_owned(),
            version: pglite_oxide_assets::manifest()?.runtime.postgres_version,
        })
    }

    /// Writes the file with the process that has the session.
    pub fn write(&self, holder: Option<&Holder>) -> Result<()> {
        let contents = json!({
            "pid": std::process::id(),
            "program": std::env::current_exe()?,
            "folder": self.folder,
            "version": self.version,
            "holder": holder.map(|holder| json!({ "pid": holder.pid, "command": holder.command })),
        });
        let file = self.sockets.join(NAME);
        let new = self.sockets.join("pglite.json.new");
        fs::write(&new, contents.to_string())
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("failed to write {}", file.display()))
    }
}
