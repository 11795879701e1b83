//! A PostgreSQL server of the workspace's own.

mod binaries;
mod home;
mod lease;
mod start;
mod user;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{ConnectError, DatabaseUrl, runtime};
use home::{Home, Place};
use lease::Lease;

pub use binaries::usual_binary_folders;

/// The database that a workspace uses on its embedded server.
const DATABASE: &str = "watertight";

/// Long enough for a recovery after a crash.
const START_DEADLINE: Duration = Duration::from_mins(2);
const STOP_DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// The workspace's own PostgreSQL server, kept running as long as this lives.
///
/// Everybody who uses the server holds one of these; a connection without one counts too. Some seconds after
/// the last is gone, however it went, the server stops. The data stays.
pub struct EmbeddedServer {
    url: DatabaseUrl,
    _lease: Lease,
}

/// What is known of a workspace's embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedStatus {
    /// Where the data lies; none if the workspace never had a server.
    pub data_folder: Option<PathBuf>,
    /// Where the server writes its log.
    pub log_file: Option<PathBuf>,
    /// The running server; none if it does not run.
    pub running: Option<RunningServer>,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its first process.
    pub pid: i32,
    /// PostgreSQL's version, such as `15.18`.
    pub version: String,
    /// Where its socket is.
    pub socket_folder: PathBuf,
    /// How many sessions are open, leases included.
    pub sessions: i64,
}

/// Why the embedded server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// PostgreSQL is not installed, or too old.
    #[error(
        "failed to start an embedded PostgreSQL: no server binaries of version {oldest} or later on this machine ({found}); install {advice}, or set DATABASE_URL to a server that runs",
        oldest = binaries::OLDEST_MAJOR
    )]
    NoBinaries {
        /// What there is.
        found: String,
        /// How to install it on this system.
        advice: String,
    },
    /// The data was made by another version than is installed.
    #[error(
        "failed to start the embedded PostgreSQL: its data is of version {major}, and this machine has {found} of the server binaries; install PostgreSQL {major}, or delete .watertight/ to begin with an empty database"
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
        "failed to start the embedded PostgreSQL: {reason}\nrepair that, or set DATABASE_URL to a server that runs"
    )]
    Start {
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
    #[error("failed to reach the embedded PostgreSQL within {} s; see {}, or stop it with `cargo xtask db stop`", waited.as_secs(), log.display())]
    Deadline {
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
}

impl fmt::Debug for EmbeddedServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl EmbeddedServer {
    /// Uses the server of the workspace at `workspace_root`, and starts it if it does not run.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or the server does not start.
    pub fn acquire(workspace_root: &Path) -> Result<Self, EmbeddedError> {
        runtime::blocking(|| acquire(workspace_root, &usual_binary_folders))
    }

    /// As [`acquire`](Self::acquire), with the server binaries of the first of `binary_folders` that has
    /// them.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_with(
        workspace_root: &Path,
        binary_folders: &[PathBuf],
    ) -> Result<Self, EmbeddedError> {
        runtime::blocking(|| acquire(workspace_root, &|| binary_folders.to_vec()))
    }

    /// The workspace's database on this server.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Looks at the server of a workspace without starting it or making anything.
    ///
    /// # Errors
    /// When `.watertight/` cannot be read, or a running server does not answer.
    pub fn status(workspace_root: &Path) -> Result<EmbeddedStatus, EmbeddedError> {
        runtime::blocking(|| {
            let home = Home::at(workspace_root)?;
            let place = home.place()?;
            let running = match &place {
                Some(place) if home.server_lives()? => running(place)?,
                _ => None,
            };
            Ok(EmbeddedStatus {
                data_folder: place.as_ref().map(Place::data),
                log_file: place.as_ref().map(Place::log),
                running,
            })
        })
    }

    /// Stops the server of a workspace, whoever uses it, and waits until it is gone. What was committed
    /// stays. Says whether there was one.
    ///
    /// # Errors
    /// When the server cannot be stopped, or is not gone after a minute.
    pub fn stop(workspace_root: &Path) -> Result<bool, EmbeddedError> {
        let home = Home::at(workspace_root)?;
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
            if guard.is_some()
                && !signalled
                && let Some(pid) = start::postmaster_pid(&place)
            {
                let sent = kill(Pid::from_raw(pid), Signal::SIGINT);
                sent.map_err(|error| home::in_folder(&place.data())(error.into()))?;
                signalled = true;
            }
            if Instant::now() > deadline {
                return Err(EmbeddedError::Deadline {
                    waited: STOP_DEADLINE,
                    log: place.log(),
                });
            }
            sleep(POLL);
        }
        Ok(signalled)
    }
}

fn acquire(
    workspace: &Path,
    binary_folders: &dyn Fn() -> Vec<PathBuf>,
) -> Result<EmbeddedServer, EmbeddedError> {
    let home = Home::open(workspace)?;
    let deadline = Instant::now() + START_DEADLINE;
    let mut failures = 0;
    loop {
        if home.server_lives()? {
            match home.place()?.map(|place| join(&place)) {
                Some(Ok(Some(server))) => return Ok(server),
                // Somebody may be stopping the server just now.
                Some(Err(EmbeddedError::Query(_))) if failures < 50 => failures += 1,
                Some(Err(error)) => return Err(error),
                Some(Ok(None)) | None => {}
            }
        } else if let Some(_guard) = home.try_guard()?
            && let Some(server_lock) = home.try_server_lock()?
        {
            let (place, user) = home.settle()?;
            let mut started = start::start(&place, &user, &binary_folders(), server_lock)?;
            let server = wait_for(&home, &place, &mut started, deadline)?;
            started.release();
            return Ok(server);
        }
        if Instant::now() > deadline {
            let log = home
                .place()?
                .map_or_else(|| workspace.join(".watertight"), |place| place.log());
            return Err(EmbeddedError::Deadline {
                waited: START_DEADLINE,
                log,
            });
        }
        sleep(POLL);
    }
}

fn wait_for(
    home: &Home,
    place: &Place,
    started: &mut start::StartedServer,
    deadline: Instant,
) -> Result<EmbeddedServer, EmbeddedError> {
    loop {
        if let Some(server) = join(place)? {
            return Ok(server);
        }
        if !home.server_lives()? {
            return Err(EmbeddedError::Start {
                reason: started.log_tail(),
            });
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::Deadline {
                waited: START_DEADLINE,
                log: place.log(),
            });
        }
        sleep(POLL);
    }
}

/// Becomes a user of the server at `place`. None: it is not up yet, or going.
fn join(place: &Place) -> Result<Option<EmbeddedServer>, EmbeddedError> {
    let url = url(place);
    let Some(mut lease) = Lease::take(&url.with_database("postgres"))? else {
        return Ok(None);
    };
    let exists = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')");
    let mut is_there = || sql::<Bool>(&exists).get_result(lease.connection());
    if !is_there()? {
        let created = lease
            .connection()
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"));
        // Another newcomer may have been faster.
        let mut is_there = || sql::<Bool>(&exists).get_result(lease.connection());
        if let Err(error) = created
            && !is_there()?
        {
            return Err(error.into());
        }
    }
    Ok(Some(EmbeddedServer { url, _lease: lease }))
}

fn url(place: &Place) -> DatabaseUrl {
    let parameters = [
        ("user", start::USER),
        ("dbname", DATABASE),
        (
            "host",
            place
                .socket_folder
                .to_str()
                .expect("the folder was chosen so"),
        ),
        ("port", "5432"),
        ("sslmode", "disable"),
    ];
    DatabaseUrl::from_parameters(&parameters).expect("the parameters are in order")
}

fn running(place: &Place) -> Result<Option<RunningServer>, EmbeddedError> {
    let Some(pid) = start::postmaster_pid(place) else {
        return Ok(None);
    };
    let mut connection = url(place).with_database("postgres").connect()?;
    let version = sql::<Text>("SHOW server_version").get_result::<String>(&mut connection)?;
    Ok(Some(RunningServer {
        pid,
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        socket_folder: place.socket_folder.clone(),
        sessions: sql::<BigInt>(lease::SESSIONS).get_result(&mut connection)?,
    }))
}
