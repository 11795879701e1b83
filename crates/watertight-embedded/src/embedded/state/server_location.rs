use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::embedded_error::EmbeddedError;
use super::server_user::ServerUser;
use super::socket::fits_socket;

/// The folders of a server, as recorded in `.watertight/server.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerLocation {
    /// The workspace that this was written for: a copied `.watertight/` must not share its server.
    pub(super) workspace: PathBuf,
    /// The folder with the data and the log. Only the server's user can enter it.
    pub(super) folder: PathBuf,
    /// The folder of the socket. Only the server's user can enter it.
    pub(crate) socket_folder: PathBuf,
}

impl ServerLocation {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

/// Creates the folder for a server's data: `inside`, unless the server's user cannot enter it.
pub(super) fn create_folder(inside: &Path, user: &ServerUser) -> Result<PathBuf, EmbeddedError> {
    create_private(inside, user).map_err(EmbeddedError::at(inside))?;
    if user.can_use(inside) {
        return Ok(inside.to_owned());
    }
    fs::remove_dir(inside).map_err(EmbeddedError::at(inside))?;
    for parent in user
        .home()
        .into_iter()
        .chain([Path::new("/var/tmp"), Path::new("/tmp")])
    {
        let Ok(folder) = create_temporary(parent, user) else {
            continue;
        };
        if user.can_use(&folder) {
            return Ok(folder);
        }
        let _ = fs::remove_dir(&folder);
    }
    Err(EmbeddedError::NoFolder { user: user.name() })
}

/// Creates the folder for a server's socket: inside its folder, unless that path is too long for a socket.
pub(super) fn create_socket_folder(
    folder: &Path,
    recorded: Option<PathBuf>,
    user: &ServerUser,
) -> Result<PathBuf, EmbeddedError> {
    let inside = folder.join("socket");
    if fits_socket(&inside) {
        create_private(&inside, user).map_err(EmbeddedError::at(&inside))?;
        return Ok(inside);
    }
    if let Some(recorded) = recorded
        && fits_socket(&recorded)
        && recorded.is_dir()
        && user.can_use(&recorded)
    {
        return Ok(recorded);
    }
    let parent = Path::new("/tmp");
    create_temporary(parent, user).map_err(EmbeddedError::at(parent))
}

/// Creates a folder that only the server's user can enter, unless it exists.
fn create_private(path: &Path, user: &ServerUser) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists
                && fs::symlink_metadata(path)?.is_dir() => {}
        other => other?,
    }
    change_owner(path, user)
}

/// Creates a folder with an unpredictable name that only the server's user can enter.
fn create_temporary(parent: &Path, user: &ServerUser) -> io::Result<PathBuf> {
    let folder = tempfile::Builder::new()
        .prefix("watertight-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    change_owner(folder.path(), user)?;
    Ok(folder.keep())
}

fn change_owner(path: &Path, user: &ServerUser) -> io::Result<()> {
    if let Some((uid, gid)) = user.ids()
        && fs::metadata(path)?.uid() != uid
    {
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}
