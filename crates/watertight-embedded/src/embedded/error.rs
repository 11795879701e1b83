use std::io;
use std::path::PathBuf;
use std::time::Duration;

use watertight_helpers::HelperError;

use super::postgresql::{OLDEST_MAJOR, install_advice};
use super::{EMBEDDED_VARIABLE, EmbeddedKind};
use watertight_connection::ConnectError;

/// Why the embedded server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// PostgreSQL is not installed, or too old, and there is no PGlite for this platform.
    #[error(
        "failed to start an embedded PostgreSQL: no server binaries of version {oldest} or later on this machine ({found}), and there is no PGlite for it; install {advice}, or set DATABASE_URL to a server that runs",
        oldest = OLDEST_MAJOR
    )]
    NoBinaries {
        /// What there is.
        found: String,
        /// How to install it on this system.
        advice: String,
    },
    /// The data was made by another version than is installed.
    #[error(
        "failed to start the embedded PostgreSQL: its data is of version {major}, and this machine has {found} of the server binaries; install PostgreSQL {major}, or delete .watertight/ to begin with an empty database, or set {EMBEDDED_VARIABLE}=pglite to begin with one in PGlite"
    )]
    OtherVersion {
        /// The version of the data.
        major: u32,
        /// What there is.
        found: String,
    },
    /// A file or folder cannot be used.
    #[error("failed to use {}: {source}; make it accessible to this user, or set DATABASE_URL to a server that runs", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// PostgreSQL does not run as root, and there is no other user.
    #[error(
        "failed to start an embedded PostgreSQL: it does not run as root, and there is neither a user `postgres` nor `nobody`; create one, or run this as another user"
    )]
    OnlyRoot,
    /// The server's user can write nowhere.
    #[error(
        "failed to find a folder for the embedded PostgreSQL that {user} can enter; make /var/tmp accessible, or run this as another user"
    )]
    NoFolder {
        /// The server's user.
        user: String,
    },
    /// `initdb` failed.
    #[error(
        "failed to create the embedded PostgreSQL's data with `initdb`: {reason}; repair that, or set DATABASE_URL to a server that runs"
    )]
    Init {
        /// What it said.
        reason: String,
    },
    /// The server did not come up.
    #[error(
        "failed to start the embedded {kind}: {reason}\nrepair that, or set DATABASE_URL to a server that runs"
    )]
    Start {
        /// What was started.
        kind: EmbeddedKind,
        /// The last lines of its log.
        reason: String,
    },
    /// A server that was started by other means runs on the data.
    #[error(
        "failed to start the embedded PostgreSQL: process {pid} runs a server on its data already; stop that process"
    )]
    Foreign {
        /// The process.
        pid: i32,
    },
    /// The server neither came up nor went in time.
    #[error("failed to reach the embedded {kind} within {} s; see {}, or stop it with `cargo xtask db stop`", waited.as_secs(), log.display())]
    Deadline {
        /// What was waited for.
        kind: EmbeddedKind,
        /// How long was waited.
        waited: Duration,
        /// The server's log.
        log: PathBuf,
    },
    /// The server answered, but not to this.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A query to the running server failed.
    #[error("failed to ask the embedded PostgreSQL: {0}; see its log, or try again")]
    Query(#[from] diesel::result::Error),
    /// [`WATERTIGHT_EMBEDDED`](EMBEDDED_VARIABLE) asks for something that there is not.
    #[error(
        "failed to choose an embedded database: {EMBEDDED_VARIABLE} is `{value}`; set it to `pglite`, or unset it"
    )]
    Setting {
        /// What it asks for.
        value: String,
    },
    /// PGlite is asked for, and there is none for this platform.
    #[error(
        "failed to start an embedded PGlite: there is none for {platform}; unset {EMBEDDED_VARIABLE} and install {advice}, or set DATABASE_URL to a server that runs"
    )]
    NoPglite {
        /// The system and the processor.
        platform: String,
        /// How to install PostgreSQL on this system.
        advice: String,
    },
    /// PGlite cannot be built.
    #[error("{source}\nor install {advice}, or set DATABASE_URL to a server that runs")]
    Helper {
        /// Why not.
        source: HelperError,
        /// How to install PostgreSQL on this system.
        advice: String,
    },
}

impl EmbeddedError {
    pub(super) fn no_pglite() -> Self {
        Self::NoPglite {
            platform: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            advice: install_advice(),
        }
    }
}
