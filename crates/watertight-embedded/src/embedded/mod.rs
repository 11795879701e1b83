//! A database server of the workspace's own: the machine's PostgreSQL, or PGlite.

mod acquire;
mod choose;
mod error;
mod home;
mod log;
pub(crate) mod pglite;
mod postgresql;
mod user;

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use home::{Home, Place};
use watertight_connection::{DatabaseUrl, SharedRuntime};

pub use choose::EMBEDDED_VARIABLE;
pub use error::EmbeddedError;
pub use pglite::{DumpError, cancel_on_pglite, dump_pglite};
pub use postgresql::usual_binary_folders;

/// The database that a workspace uses on its embedded server.
const DATABASE: &str = "watertight";

const STOP_DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// The workspace's own database server, kept running as long as this lives.
///
/// Everybody who uses the server holds one of these; a connection without one counts too. Some seconds after
/// the last is gone, however it went, the server stops. The data stays.
pub struct EmbeddedServer {
    url: DatabaseUrl,
    kind: EmbeddedKind,
    /// Until it is dropped, the server stays up.
    _lease: Box<dyn Send + Sync>,
}

/// What an embedded server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddedKind {
    /// The PostgreSQL that is installed on this machine.
    Postgresql,
    /// PostgreSQL compiled to WebAssembly. It serves one connection at a time.
    Pglite,
}

/// What takes its time, or has to be known, while a server is found and started. As text it says so to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddedProgress {
    /// PGlite is built. Cargo shows on the standard error how far it is.
    BuildingPglite,
    /// Another process builds PGlite.
    WaitingForPglite,
    /// A database is begun, while this workspace has data in the other kind of server.
    DataElsewhere(EmbeddedKind),
}

/// What is known of a workspace's embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedStatus {
    /// Which it is, or would be.
    pub kind: EmbeddedKind,
    /// Where the data lies; none if the workspace never had a server.
    pub data_folder: Option<PathBuf>,
    /// Where the server writes its log.
    pub log_file: Option<PathBuf>,
    /// The running server; none if it does not run.
    pub running: Option<EmbeddedServerProcess>,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedServerProcess {
    /// Its first process.
    pub pid: i32,
    /// PostgreSQL's version, such as `15.18`.
    pub version: String,
    /// Where its socket is.
    pub socket_folder: PathBuf,
    /// How many sessions are open; of PostgreSQL, leases included.
    pub sessions: i64,
    /// The process that has the one session of a PGlite, and its command.
    pub holder: Option<String>,
}

impl fmt::Debug for EmbeddedServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for EmbeddedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgresql => "PostgreSQL",
            Self::Pglite => "PGlite",
        })
    }
}

impl fmt::Display for EmbeddedProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildingPglite => formatter
                .write_str("building PGlite, the embedded database: about 2 minutes on two cores, once"),
            Self::WaitingForPglite => {
                formatter.write_str("waiting for another process, which builds PGlite")
            }
            Self::DataElsewhere(EmbeddedKind::Pglite) => formatter.write_str(
                "this workspace has data in PGlite, and now begins an empty database on the machine's PostgreSQL; \
                 `WATERTIGHT_EMBEDDED=pglite` brings the other back",
            ),
            Self::DataElsewhere(EmbeddedKind::Postgresql) => formatter.write_str(
                "this workspace has data on the machine's PostgreSQL, and now begins an empty database in PGlite",
            ),
        }
    }
}

impl EmbeddedServer {
    /// Uses the server of the workspace at `workspace_root`, and starts it if it does not run. Where there are no
    /// server binaries of PostgreSQL, or [`WATERTIGHT_EMBEDDED`](EMBEDDED_VARIABLE) asks for it, it is PGlite, which is built if
    /// it has not been.
    ///
    /// # Errors
    /// When there is neither, or the server does not start.
    pub fn acquire(workspace_root: &Path) -> Result<Self, EmbeddedError> {
        Self::acquire_with(workspace_root, &|_| {})
    }

    /// As [`acquire`](Self::acquire), and tells `report` what takes its time.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_with(
        workspace_root: &Path,
        report: &(dyn Fn(EmbeddedProgress) + Sync),
    ) -> Result<Self, EmbeddedError> {
        SharedRuntime::run_blocking(|| acquire::acquire(workspace_root, report))
    }

    /// The workspace's database on this server.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// What the server is.
    pub fn kind(&self) -> EmbeddedKind {
        self.kind
    }

    /// Looks at the server of a workspace without starting it or making anything.
    ///
    /// # Errors
    /// When `.watertight/` cannot be read, or a running server does not answer.
    pub fn status(workspace_root: &Path) -> Result<EmbeddedStatus, EmbeddedError> {
        SharedRuntime::run_blocking(|| {
            let kind = match choose::wanted(workspace_root) {
                // There is none, which is no reason not to say so.
                Err(EmbeddedError::NoBinaries { .. }) => EmbeddedKind::Postgresql,
                kind => kind?,
            };
            let home = Home::at(workspace_root, kind)?;
            let place = home.place()?;
            let running = match &place {
                Some(place) if home.server_lives()? => match kind {
                    EmbeddedKind::Postgresql => postgresql::running(place)?,
                    EmbeddedKind::Pglite => pglite::running(place),
                },
                _ => None,
            };
            Ok(EmbeddedStatus {
                kind,
                data_folder: place.as_ref().map(Place::data),
                log_file: place.as_ref().map(Place::log),
                running,
            })
        })
    }

    /// Stops the server of a workspace, whoever uses it, and waits until it is gone. What was committed
    /// stays. Says which there was.
    ///
    /// # Errors
    /// When the server cannot be stopped, or is not gone after a minute.
    pub fn stop(workspace_root: &Path) -> Result<Option<EmbeddedKind>, EmbeddedError> {
        let mut stopped = None;
        for kind in [EmbeddedKind::Pglite, EmbeddedKind::Postgresql] {
            if stop(&Home::at(workspace_root, kind)?)? {
                stopped = Some(kind);
            }
        }
        Ok(stopped)
    }
}

fn stop(home: &Home) -> Result<bool, EmbeddedError> {
    let Some(place) = home.place()? else {
        return Ok(false);
    };
    let deadline = Instant::now() + STOP_DEADLINE;
    let mut signalled = false;
    // The guard keeps others from starting it again before it is gone.
    let mut guard = None;
    while home.server_lives()? {
        if guard.is_none() {
            guard = home.try_guard()?;
        }
        let (pid, signal) = match home.kind() {
            EmbeddedKind::Postgresql => postgresql::to_stop(&place),
            EmbeddedKind::Pglite => pglite::to_stop(&place),
        };
        if guard.is_some()
            && !signalled
            && let Some(pid) = pid
        {
            match kill(Pid::from_raw(pid), signal) {
                Ok(()) => signalled = true,
                // It has just gone; what is left of the server follows.
                Err(Errno::ESRCH) => {}
                Err(error) => return Err(home::in_folder(&place.data())(error.into())),
            }
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::Deadline {
                kind: home.kind(),
                waited: STOP_DEADLINE,
                log: place.log(),
            });
        }
        sleep(POLL);
    }
    Ok(signalled)
}
