//! The file beside a socket that says that a PGlite is behind it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde::Deserialize;

/// The description that a running PGlite writes beside its socket.
#[derive(Debug, Clone, Deserialize)]
pub struct PgliteMarker {
    /// The helper's process.
    pub pid: i32,
    /// The helper's program.
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
    /// The process.
    pub pid: i32,
    /// Its command line.
    pub command: String,
}

impl PgliteMarker {
    /// None: the socket in this folder, if there is one, is another server's.
    ///
    /// The folder may be one that everybody can write to, such as `/tmp`, and the program is going to be run: only a file
    /// of this user's own is believed.
    pub fn beside(socket_folder: &Path) -> Option<Self> {
        let path = socket_folder.join("pglite.json");
        // To open something else, such as a pipe, could take for ever.
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_file_of_this_user_s_own_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            r#"{"pid": 7, "program": "/p", "folder": "/f", "version": "17.5", "holder": null}"#;
        let file = folder.path().join("pglite.json");
        fs::write(&file, text).unwrap();
        assert_eq!(PgliteMarker::beside(folder.path()).unwrap().pid, 7);

        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(PgliteMarker::beside(folder.path()).is_none());
        fs::remove_file(&file).unwrap();
        fs::write(&file, text.replace("\"pid\": 7", "\"pid\": \"seven\"")).unwrap();
        assert!(PgliteMarker::beside(folder.path()).is_none());
        if geteuid().is_root() {
            fs::write(&file, text).unwrap();
            std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
            assert!(PgliteMarker::beside(folder.path()).is_none());
        }
    }
}
