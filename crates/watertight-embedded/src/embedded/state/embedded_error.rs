use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watertight_connection::ConnectError;
use watertight_diagnostics::{Diagnostic, PostgresError};
use watertight_helpers::HelperError;

use super::embedded_kind::{EMBEDDED_VARIABLE, EmbeddedKind};

/// The oldest supported major version of PostgreSQL: older ones have no `DROP DATABASE … WITH (FORCE)`.
pub(crate) const MIN_POSTGRESQL_VERSION: u32 = 13;

/// Why the embedded server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// PostgreSQL is not installed or too old, and PGlite does not support this platform.
    #[error(
        "failed to start an embedded PostgreSQL: this machine has no server binaries of version {MIN_POSTGRESQL_VERSION} or later ({found}), and PGlite does not support it"
    )]
    NoBinaries {
        /// The installed versions.
        found: String,
        /// How to install PostgreSQL on this system.
        install: String,
    },
    /// The data belongs to a version of PostgreSQL that is not installed.
    #[error(
        "failed to start the embedded PostgreSQL: its data is of version {major}, and this machine has {found} of the server binaries"
    )]
    OtherVersion {
        /// The version of the data.
        major: u32,
        /// The installed versions.
        found: String,
    },
    /// A file or folder cannot be used.
    #[error("failed to use {}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// PostgreSQL does not run as root, and there is no other user to run it as.
    #[error(
        "failed to start an embedded PostgreSQL: it does not run as root, and there is neither a user `postgres` nor `nobody`"
    )]
    OnlyRoot,
    /// There is no folder that the server's user can write to.
    #[error("failed to find a folder for the embedded PostgreSQL that {user} can enter")]
    NoFolder {
        /// The server's user.
        user: String,
    },
    /// `initdb` failed.
    #[error("failed to create the embedded PostgreSQL's data with `initdb`: {reason}")]
    Init {
        /// What it printed.
        reason: String,
    },
    /// The server did not start.
    #[error("failed to start the embedded {kind}: {reason}")]
    Start {
        /// The kind of server.
        kind: EmbeddedKind,
        /// The last lines of its log.
        reason: String,
    },
    /// Another server, which Watertight did not start, runs on the data.
    #[error(
        "failed to start the embedded PostgreSQL: process {pid} already runs a server on its data"
    )]
    Foreign {
        /// The process.
        pid: i32,
    },
    /// The server neither started nor stopped in time.
    #[error("failed to reach the embedded {kind} within {} s", waited.as_secs())]
    Deadline {
        /// The kind of server.
        kind: EmbeddedKind,
        /// The time limit.
        waited: Duration,
        /// The server's log.
        log: PathBuf,
    },
    /// The running server cannot be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A query to the running server failed.
    #[error("failed to query the embedded PostgreSQL")]
    Query(#[source] PostgresError),
    /// [`WATERTIGHT_EMBEDDED`](EMBEDDED_VARIABLE) has an unknown value.
    #[error("failed to choose an embedded database: {EMBEDDED_VARIABLE} is `{value}`")]
    Setting {
        /// The value.
        value: String,
    },
    /// PGlite is chosen, but does not support this platform.
    #[error("failed to start an embedded PGlite: it does not support {platform}")]
    NoPglite {
        /// The operating system and the processor.
        platform: String,
        /// How to install PostgreSQL on this system.
        install: String,
    },
    /// PGlite cannot be built.
    #[error("failed to start an embedded PGlite")]
    Helper {
        /// Why not.
        source: HelperError,
        /// How to install PostgreSQL on this system.
        install: String,
    },
}

const OTHER_SERVER: &str = "set DATABASE_URL to a running server";

impl EmbeddedError {
    /// Returns a function that adds the path to an I/O error.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Folder { path, source }
    }
}

impl From<diesel::result::Error> for EmbeddedError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Query(error.into())
    }
}

impl Diagnostic for EmbeddedError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoBinaries { install, .. } => {
                format!("install PostgreSQL with {install}, or {OTHER_SERVER}")
            }
            Self::OtherVersion { major, .. } => format!(
                "install PostgreSQL {major}, delete .watertight/ to start with an empty database, or set {EMBEDDED_VARIABLE}=pglite to start with an empty database in PGlite"
            ),
            Self::Folder { .. } => {
                format!("make it accessible to this user, or {OTHER_SERVER}")
            }
            Self::OnlyRoot => "create one, or run this as another user".to_owned(),
            Self::NoFolder { .. } => {
                "make /var/tmp accessible, or run this as another user".to_owned()
            }
            Self::Init { .. } | Self::Start { .. } => {
                format!("fix the cause, or {OTHER_SERVER}")
            }
            Self::Foreign { .. } => "stop that process".to_owned(),
            Self::Deadline { log, .. } => format!(
                "see {}, or stop the server with `cargo xtask db stop`",
                log.display()
            ),
            Self::Connect(error) => return error.hint(),
            Self::Query(error) => error
                .hint()
                .unwrap_or_else(|| "see its log, or try again".to_owned()),
            Self::Setting { .. } => "set it to `postgresql` or `pglite`, or unset it".to_owned(),
            Self::NoPglite { install, .. } => format!(
                "unset {EMBEDDED_VARIABLE} and install PostgreSQL with {install}, or {OTHER_SERVER}"
            ),
            Self::Helper { source, install } => {
                let hint = source.hint().unwrap_or_default();
                format!("{hint}; or install PostgreSQL with {install}, or {OTHER_SERVER}")
            }
        })
    }
}
