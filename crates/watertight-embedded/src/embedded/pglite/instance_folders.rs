//! The folders of an instance, and sweeping those of killed processes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use watertight_connection::PgliteMarker;

use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::socket::fits_socket;

/// The age at which a folder without a lock is no longer being created or removed.
const ABANDONED_AGE: Duration = Duration::from_hours(1);

/// The folders of an instance, removed when this is dropped.
pub(super) struct InstanceFolders {
    pub(super) folder: PathBuf,
    pub(super) sockets: PathBuf,
    /// Held while the folders are in use, by the helper too.
    pub(super) lock: File,
}

impl InstanceFolders {
    pub(super) fn create(folder: PathBuf) -> Result<Self, EmbeddedError> {
        create_private(&folder)?;
        let lock = lock(&folder).map_err(EmbeddedError::at(&folder))?;
        let mut folders = Self {
            sockets: folder.join("socket"),
            folder,
            lock,
        };
        folders.sockets = create_socket_folder(&folders.folder)?;
        Ok(folders)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for InstanceFolders {
    fn drop(&mut self) {
        // A sweep removes what remains.
        let _ = remove(&self.folder, &self.sockets);
    }
}

/// Removes the instances of killed processes, of those whose names match `is_scratch`. Returns their names.
pub(crate) fn sweep(
    server: &PgliteMarker,
    is_scratch: impl Fn(&str) -> bool,
) -> Result<Vec<String>, EmbeddedError> {
    let folder = scratch_folder(server);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EmbeddedError::at(&folder)(error)),
    };
    let mut removed = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_scratch(&name) && is_abandoned(&entry.path()) {
            let sockets = recorded_socket_folder(&entry.path());
            remove(&entry.path(), &sockets).map_err(EmbeddedError::at(&entry.path()))?;
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Returns whether no process uses the folder of an instance.
fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok(),
        // It is being created or removed, or its process was killed during that.
        Err(_) => fs::metadata(folder)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED_AGE)),
    }
}

/// Returns the folder of the instances of a server.
pub(super) fn scratch_folder(server: &PgliteMarker) -> PathBuf {
    server.folder.join("scratch")
}

/// Creates a lock for the helper to hold. It gets its name after it is locked, as a sweep skips folders without a lock.
fn lock(folder: &Path) -> io::Result<File> {
    let new = folder.join("lock.new");
    let lock = File::create(&new)?;
    lock.try_lock()?;
    fs::rename(&new, folder.join("lock"))?;
    Ok(lock)
}

/// Creates a folder that only this user can enter: a client that can open the socket has access to the database.
fn create_private(folder: &Path) -> Result<(), EmbeddedError> {
    let created = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    created.map_err(EmbeddedError::at(folder))
}

/// Creates the folder for the socket: inside `folder`, unless that path is too long. A folder elsewhere is recorded.
fn create_socket_folder(folder: &Path) -> Result<PathBuf, EmbeddedError> {
    let inside = folder.join("socket");
    if fits_socket(&inside) {
        create_private(&inside)?;
        return Ok(inside);
    }
    let parent = Path::new("/tmp");
    let created = tempfile::Builder::new()
        .prefix("watertight-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent);
    let outside = created.map_err(EmbeddedError::at(parent))?.keep();
    let record = folder.join("socket_folder");
    fs::write(&record, outside.as_os_str().as_encoded_bytes())
        .map_err(EmbeddedError::at(&record))?;
    Ok(outside)
}

fn recorded_socket_folder(folder: &Path) -> PathBuf {
    fs::read_to_string(folder.join("socket_folder"))
        .map_or_else(|_| folder.join("socket"), PathBuf::from)
}

/// Removes the lock last, as a sweep skips folders without one for long.
fn remove(folder: &Path, sockets: &Path) -> io::Result<()> {
    for folder in [sockets, &folder.join("data"), folder] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
