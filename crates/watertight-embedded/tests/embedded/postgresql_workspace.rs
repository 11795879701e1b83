//! Workspaces whose embedded server is PostgreSQL.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use watertight_embedded::{EmbeddedKind, EmbeddedServer};

/// A workspace whose server is stopped when this is dropped.
pub struct Workspace(TempDir);

impl Workspace {
    /// Returns a workspace without data, or `None` on a machine without PostgreSQL.
    pub fn new() -> Option<Self> {
        let workspace = Self(tempfile::tempdir().unwrap());
        let kind = EmbeddedServer::status(workspace.path()).unwrap().kind;
        if kind != EmbeddedKind::Postgresql {
            eprintln!("skipped: the embedded server of this machine is {kind}");
            return None;
        }
        Some(workspace)
    }

    /// As [`new`](Self::new), with the data of a new server: copying it is much faster than `initdb`.
    pub fn with_data() -> Option<Self> {
        let workspace = Self::new()?;
        let data = prepared_data();
        let root = fs::canonicalize(workspace.path()).unwrap();
        // The server's user has to enter it.
        fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
        let folder = root.join(".watertight/server");
        fs::create_dir_all(&folder).unwrap();
        let copied = Command::new("cp").arg("-a").args([data, &folder]).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let owner = fs::metadata(data).unwrap();
        chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
        let location = json!({
            "workspace": root,
            "folder": folder,
            "socket_folder": folder.join("socket"),
        });
        let file = root.join(".watertight/server.json");
        fs::write(file, location.to_string()).unwrap();
        Some(workspace)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn acquire(&self) -> EmbeddedServer {
        EmbeddedServer::acquire(self.path()).unwrap()
    }

    pub fn pid(&self) -> Option<i32> {
        EmbeddedServer::status(self.path())
            .unwrap()
            .running
            .map(|server| server.pid)
    }

    pub fn data(&self) -> PathBuf {
        EmbeddedServer::status(self.path())
            .unwrap()
            .data_folder
            .unwrap()
    }

    pub fn wait_until_stopped(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        // While the server stops, it responds with an error.
        while !EmbeddedServer::status(self.path()).is_ok_and(|status| status.running.is_none()) {
            assert!(Instant::now() < deadline, "the server did not stop");
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = EmbeddedServer::stop(self.path());
    }
}

/// Returns the data of a server that was stopped. It is kept for the next run of the tests.
fn prepared_data() -> &'static Path {
    static DATA: OnceLock<PathBuf> = OnceLock::new();
    DATA.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
        fs::create_dir_all(&workspace).unwrap();
        drop(EmbeddedServer::acquire(&workspace).unwrap());
        EmbeddedServer::stop(&workspace).unwrap();
        EmbeddedServer::status(&workspace)
            .unwrap()
            .data_folder
            .unwrap()
    })
}
