//! The folder `.watertight/` of a workspace, and where its server keeps what it has.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::user::ServerUser;
use super::{EmbeddedError, EmbeddedKind};

/// The folder of a workspace that all of this lies in.
const FOLDER: &str = ".watertight";

/// PostgreSQL's socket; the system allows about 104 bytes for its path.
pub(crate) const SOCKET_NAME: &str = ".s.PGSQL.5432";
const LONGEST_SOCKET_PATH: usize = 100;

/// Where a [`Place`] is recorded.
const RECORD: &str = "server.json";

/// `.watertight/` of one workspace, or the folder in it that is for PGlite.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    workspace: PathBuf,
    kind: EmbeddedKind,
    folder: PathBuf,
}

/// Where the server's things are, as `.watertight/server.json` records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The workspace for which this was written: a copied `.watertight/` must not share its server.
    workspace: PathBuf,
    /// Holds the data folder and the log; only the server's user can enter it.
    folder: PathBuf,
    /// Where the socket is; only the server's user can enter it.
    pub(crate) socket_folder: PathBuf,
}

impl Place {
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

impl Home {
    /// The folder, made if it is missing.
    pub(crate) fn open(workspace: &Path, kind: EmbeddedKind) -> Result<Self, EmbeddedError> {
        let home = Self::at(workspace, kind)?;
        fs::create_dir_all(&home.folder).map_err(in_folder(&home.folder))?;
        let ignore = home.workspace.join(FOLDER).join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(in_folder(&ignore))?;
        }
        Ok(home)
    }

    /// The folder, whether or not it is there.
    pub(crate) fn at(workspace: &Path, kind: EmbeddedKind) -> Result<Self, EmbeddedError> {
        let workspace = fs::canonicalize(workspace).map_err(in_folder(workspace))?;
        let folder = folder_of(&workspace, kind);
        Ok(Self {
            workspace,
            kind,
            folder,
        })
    }

    /// Whether a server of this kind has ever been here.
    pub(crate) fn has_data(&self) -> Result<bool, EmbeddedError> {
        Ok(self.place()?.is_some_and(|place| place.data().exists()))
    }

    pub(crate) fn kind(&self) -> EmbeddedKind {
        self.kind
    }

    /// What the users of a PGlite hold shared locks on.
    pub(crate) fn users(&self) -> PathBuf {
        self.folder.join("users.lock")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Held by whoever starts or stops the server. None: someone else is at it.
    pub(crate) fn try_guard(&self) -> Result<Option<File>, EmbeddedError> {
        try_lock(&self.folder.join("lock"))
    }

    /// Held by the server's processes as long as one of them lives: the file is their standard output.
    /// None: the server lives.
    pub(crate) fn try_server_lock(&self) -> Result<Option<File>, EmbeddedError> {
        try_lock(&self.folder.join("server.lock"))
    }

    pub(crate) fn server_lives(&self) -> Result<bool, EmbeddedError> {
        let file = self.folder.join("server.lock");
        match File::open(&file) {
            Ok(lock) => match lock.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(in_folder(&file)(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(in_folder(&file)(error)),
        }
    }

    /// Where the server's things are; none if there never was one, or they are gone.
    pub(crate) fn place(&self) -> Result<Option<Place>, EmbeddedError> {
        let file = self.record();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            // What else is in the way is said when the folder is made.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(in_folder(&file)(error)),
        };
        let mut place: Place =
            serde_json::from_str(&text).map_err(|error| in_folder(&file)(error.into()))?;
        if place.workspace != self.workspace {
            // The workspace was moved, or copied together with `.watertight/`.
            let was = folder_of(&place.workspace, self.kind);
            let was_inside = place.folder.starts_with(&was);
            let original_is_there = was.join(RECORD).exists();
            if was_inside {
                place.folder = self.folder.join("server");
                place.socket_folder = place.folder.join("socket");
            } else if original_is_there {
                return Ok(None);
            }
            place.workspace.clone_from(&self.workspace);
        }
        Ok(place.folder.is_dir().then_some(place))
    }

    /// Where the server's things are to be: where they were, or a new place that the server's user can
    /// enter, which is then recorded. The caller holds the guard.
    pub(crate) fn settle(&self) -> Result<(Place, ServerUser), EmbeddedError> {
        let known = self.place()?;
        let user = match &known {
            Some(place) => ServerUser::owner_of(&place.folder).map_err(in_folder(&place.folder))?,
            None => ServerUser::choose(self.kind)?,
        };
        let folder = match known {
            Some(place) => place.folder,
            None => self.new_folder(&user)?,
        };
        let recorded = self.place()?.map(|place| place.socket_folder);
        let socket_folder = socket_folder(&folder, recorded, &user)?;
        let place = Place {
            workspace: self.workspace.clone(),
            folder,
            socket_folder,
        };
        let record = self.record();
        // Fails when a path is not UTF-8.
        let text = serde_json::to_string_pretty(&place)
            .map_err(|error| in_folder(&record)(error.into()))?;
        let new = record.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &record))
            .map_err(in_folder(&record))?;
        Ok((place, user))
    }

    fn record(&self) -> PathBuf {
        self.folder.join(RECORD)
    }

    fn new_folder(&self, user: &ServerUser) -> Result<PathBuf, EmbeddedError> {
        let inside = self.folder.join("server");
        private_folder(&inside, user).map_err(in_folder(&inside))?;
        if user.can_use(&inside) {
            return Ok(inside);
        }
        fs::remove_dir(&inside).map_err(in_folder(&inside))?;
        for parent in user
            .home()
            .into_iter()
            .chain([Path::new("/var/tmp"), Path::new("/tmp")])
        {
            let Ok(folder) = fresh_folder(parent, user) else {
                continue;
            };
            if user.can_use(&folder) {
                return Ok(folder);
            }
            let _ = fs::remove_dir(&folder);
        }
        Err(EmbeddedError::NoFolder { user: user.name() })
    }
}

fn folder_of(workspace: &Path, kind: EmbeddedKind) -> PathBuf {
    let folder = workspace.join(FOLDER);
    match kind {
        EmbeddedKind::Postgresql => folder,
        EmbeddedKind::Pglite => folder.join("pglite"),
    }
}

/// Where the socket of a server in `folder` is to be: in it, unless its path is too long for that.
fn socket_folder(
    folder: &Path,
    recorded: Option<PathBuf>,
    user: &ServerUser,
) -> Result<PathBuf, EmbeddedError> {
    let inside = folder.join("socket");
    if fits_socket(&inside) {
        private_folder(&inside, user).map_err(in_folder(&inside))?;
        return Ok(inside);
    }
    if let Some(recorded) = recorded
        && fits_socket(&recorded)
        && recorded.is_dir()
        && user.can_use(&recorded)
    {
        return Ok(recorded);
    }
    fresh_folder(Path::new("/tmp"), user).map_err(in_folder(Path::new("/tmp")))
}

/// Whether a socket in `folder` can be reached, and be named in a URL.
pub(crate) fn fits_socket(folder: &Path) -> bool {
    folder.join(SOCKET_NAME).as_os_str().len() < LONGEST_SOCKET_PATH
        // libpq splits its `host` at commas.
        && folder.to_str().is_some_and(|text| !text.contains([',', '"']))
}

/// A folder that only the server's user can enter; it may be there already.
fn private_folder(path: &Path, user: &ServerUser) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists
                && fs::symlink_metadata(path)?.is_dir() => {}
        other => other?,
    }
    give(path, user)
}

/// A folder with a name that nobody can guess, only for the server's user.
fn fresh_folder(parent: &Path, user: &ServerUser) -> io::Result<PathBuf> {
    let folder = tempfile::Builder::new()
        .prefix("watertight-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    give(folder.path(), user)?;
    Ok(folder.keep())
}

fn give(path: &Path, user: &ServerUser) -> io::Result<()> {
    if let Some((uid, gid)) = user.ids()
        && fs::metadata(path)?.uid() != uid
    {
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

fn try_lock(path: &Path) -> Result<Option<File>, EmbeddedError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(in_folder(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(in_folder(path)(error)),
    }
}

pub(crate) fn in_folder(path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError + use<> {
    let path = path.to_owned();
    |source| EmbeddedError::Folder { path, source }
}
