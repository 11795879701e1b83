use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::embedded_error::EmbeddedError;
use super::embedded_kind::EmbeddedKind;
use super::server_location::{ServerLocation, create_folder, create_socket_folder};
use super::server_user::ServerUser;

/// The name of the folder in the workspace.
const FOLDER: &str = ".watertight";

/// The name of the file that records the [`ServerLocation`].
const LOCATION_FILE: &str = "server.json";

/// The folder `.watertight/` of a workspace, or the folder in it for PGlite.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    workspace: PathBuf,
    kind: EmbeddedKind,
    folder: PathBuf,
}

impl Home {
    /// Creates the folder unless it exists.
    pub(crate) fn create(workspace: &Path, kind: EmbeddedKind) -> Result<Self, EmbeddedError> {
        let home = Self::at(workspace, kind)?;
        fs::create_dir_all(&home.folder).map_err(EmbeddedError::at(&home.folder))?;
        let ignore = home.workspace.join(FOLDER).join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(EmbeddedError::at(&ignore))?;
        }
        Ok(home)
    }

    /// Returns the folder, which may not exist.
    pub(crate) fn at(workspace: &Path, kind: EmbeddedKind) -> Result<Self, EmbeddedError> {
        let workspace = fs::canonicalize(workspace).map_err(EmbeddedError::at(workspace))?;
        let folder = folder_of(&workspace, kind);
        Ok(Self {
            workspace,
            kind,
            folder,
        })
    }

    pub(crate) fn kind(&self) -> EmbeddedKind {
        self.kind
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether the workspace has data of this kind of server.
    pub(crate) fn has_data(&self) -> Result<bool, EmbeddedError> {
        let location = self.location()?;
        Ok(location.is_some_and(|location| location.data().exists()))
    }

    /// Returns the file on which the users of a PGlite hold shared locks.
    pub(crate) fn users_lock(&self) -> PathBuf {
        self.folder.join("users.lock")
    }

    /// Takes the lock that a process holds while it starts or stops the server. Returns `None` if another process holds
    /// it.
    pub(crate) fn try_start_lock(&self) -> Result<Option<File>, EmbeddedError> {
        try_lock(&self.folder.join("lock"))
    }

    /// Takes the lock that the server's processes hold while one of them is alive: the file is their standard output.
    /// Returns `None` if the server is alive.
    pub(crate) fn try_server_lock(&self) -> Result<Option<File>, EmbeddedError> {
        try_lock(&self.server_lock())
    }

    pub(crate) fn is_server_alive(&self) -> Result<bool, EmbeddedError> {
        let file = self.server_lock();
        match File::open(&file) {
            Ok(lock) => match lock.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(EmbeddedError::at(&file)(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(EmbeddedError::at(&file)(error)),
        }
    }

    /// Returns the folders of the server, or `None` if there never was one or they were removed.
    pub(crate) fn location(&self) -> Result<Option<ServerLocation>, EmbeddedError> {
        let file = self.location_file();
        let json = match fs::read_to_string(&file) {
            Ok(json) => json,
            // A file in place of the folder is reported when the folder is created.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(EmbeddedError::at(&file)(error)),
        };
        let mut location: ServerLocation =
            serde_json::from_str(&json).map_err(|error| EmbeddedError::at(&file)(error.into()))?;
        if location.workspace != self.workspace {
            // The workspace was moved, or copied together with `.watertight/`.
            let original = folder_of(&location.workspace, self.kind);
            if location.folder.starts_with(&original) {
                location.folder = self.folder.join("server");
                location.socket_folder = location.folder.join("socket");
            } else if original.join(LOCATION_FILE).exists() {
                return Ok(None);
            }
            location.workspace.clone_from(&self.workspace);
        }
        Ok(location.folder.is_dir().then_some(location))
    }

    /// Returns the folders of the server, and creates and records what is missing. The caller holds the start lock.
    pub(crate) fn create_location(&self) -> Result<(ServerLocation, ServerUser), EmbeddedError> {
        let known = self.location()?;
        let user = match &known {
            Some(location) => ServerUser::owner_of(&location.folder)
                .map_err(EmbeddedError::at(&location.folder))?,
            None => ServerUser::choose(self.kind)?,
        };
        let folder = match known {
            Some(location) => location.folder,
            None => create_folder(&self.folder.join("server"), &user)?,
        };
        let recorded = self.location()?.map(|location| location.socket_folder);
        let socket_folder = create_socket_folder(&folder, recorded, &user)?;
        let location = ServerLocation {
            workspace: self.workspace.clone(),
            folder,
            socket_folder,
        };
        let file = self.location_file();
        // Fails if a path is not UTF-8.
        let json = serde_json::to_string_pretty(&location)
            .map_err(|error| EmbeddedError::at(&file)(error.into()))?;
        let new = file.with_extension("new");
        fs::write(&new, json)
            .and_then(|()| fs::rename(&new, &file))
            .map_err(EmbeddedError::at(&file))?;
        Ok((location, user))
    }

    fn location_file(&self) -> PathBuf {
        self.folder.join(LOCATION_FILE)
    }

    fn server_lock(&self) -> PathBuf {
        self.folder.join("server.lock")
    }
}

fn folder_of(workspace: &Path, kind: EmbeddedKind) -> PathBuf {
    let folder = workspace.join(FOLDER);
    match kind {
        EmbeddedKind::Postgresql => folder,
        EmbeddedKind::Pglite => folder.join("pglite"),
    }
}

fn try_lock(path: &Path) -> Result<Option<File>, EmbeddedError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(EmbeddedError::at(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::at(path)(error)),
    }
}
