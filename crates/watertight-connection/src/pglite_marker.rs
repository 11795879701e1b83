//! The file beside a socket that marks it as a PGlite's.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde::Deserialize;

use crate::database_url::DatabaseUrl;

/// The description that a running PGlite writes beside its socket, so that a URL is enough to find it.
#[derive(Debug, Clone, Deserialize)]
pub struct PgliteMarker {
    /// The process that serves the socket.
    pub pid: i32,
    /// The path of its program.
    pub program: PathBuf,
    /// The folder of its data.
    pub folder: PathBuf,
    /// PostgreSQL's version.
    pub version: String,
    /// The process that has the one session.
    pub holder: Option<PgliteHolder>,
}

/// A process that has the session of a PGlite.
#[derive(Debug, Clone, Deserialize)]
pub struct PgliteHolder {
    /// The process ID.
    pub pid: i32,
    /// Its command line.
    pub command: String,
}

impl PgliteMarker {
    /// Reads the marker in a socket folder. Returns `None` if the socket there, if any, is not a PGlite's.
    ///
    /// Everybody may be able to write to the folder, such as `/tmp`, and the program in the marker will be run: only a
    /// file that belongs to this user is trusted.
    pub fn beside(socket_folder: &Path) -> Option<Self> {
        let path = socket_folder.join("pglite.json");
        // Opening something else, such as a pipe, could block.
        if !fs::symlink_metadata(&path).ok()?.is_file() {
            return None;
        }
        let file = File::open(path).ok()?;
        if file.metadata().ok()?.uid() != geteuid().as_raw() {
            return None;
        }
        serde_json::from_reader(file).ok()
    }
}

impl DatabaseUrl {
    /// Returns whether the server is a PGlite, which serves one connection at a time: a pool can have one connection,
    /// and a second client has to wait until the first has disconnected.
    ///
    /// This does not connect: it reads the [`PgliteMarker`] beside the socket.
    pub fn serves_one_connection(&self) -> bool {
        self.pglite().is_some()
    }

    /// Returns the marker of the PGlite that serves this URL, or `None` if the server is not a PGlite.
    pub fn pglite(&self) -> Option<PgliteMarker> {
        PgliteMarker::beside(self.socket_folder()?)
    }

    /// Returns the folder of the server's socket, or `None` if the URL has several hosts or a network host.
    pub fn socket_folder(&self) -> Option<&Path> {
        let [host] = &self.settings().hosts[..] else {
            return None;
        };
        let folder = Path::new(host.host.as_ref()?);
        folder.is_absolute().then_some(folder)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_file_that_belongs_to_this_user_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let json =
            r#"{"pid": 7, "program": "/p", "folder": "/f", "version": "17.5", "holder": null}"#;
        let file = folder.path().join("pglite.json");
        fs::write(&file, json).unwrap();
        assert_eq!(PgliteMarker::beside(folder.path()).unwrap().pid, 7);

        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(PgliteMarker::beside(folder.path()).is_none());
        fs::remove_file(&file).unwrap();
        fs::write(&file, json.replace("\"pid\": 7", "\"pid\": \"seven\"")).unwrap();
        assert!(PgliteMarker::beside(folder.path()).is_none());
        if geteuid().is_root() {
            fs::write(&file, json).unwrap();
            std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
            assert!(PgliteMarker::beside(folder.path()).is_none());
        }
    }
}
