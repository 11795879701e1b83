//! The embedded server on PGlite: PostgreSQL compiled to WebAssembly.
//!
//! It runs in a helper, `watertight-pglite`, which is built when it is first needed. The helper serves one connection
//! at a time and tells everybody else who has it. A user holds a shared lock on a file, which the kernel takes back
//! however the user ends; some seconds after the last is gone, the helper ends.

mod instance;
mod program;
mod request;
mod template;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::acquire::{Server, Started};
use super::home::{Home, Place, SOCKET_NAME, in_folder};
use super::log::Log;
use super::postgresql::install_advice;
use super::user::ServerUser;
use super::{
    DATABASE, EmbeddedError, EmbeddedKind, EmbeddedProgress, EmbeddedServer, EmbeddedServerProcess,
};
use watertight_connection::{DatabaseUrl, PgliteMarker};

pub(crate) use instance::{Instance, sweep};
pub use request::{DumpError, cancel as cancel_on_pglite, dump as dump_pglite};
pub(crate) use template::{ensure as ensure_template, path as template};

/// The only user of a PGlite.
const USER: &str = "postgres";

/// Whether there is a PGlite that runs here.
pub(super) fn is_for_this_platform() -> bool {
    // As pglite-oxide has been compiled for, and this crate too.
    cfg!(any(
        all(
            target_os = "linux",
            target_env = "gnu",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
        all(target_os = "macos", target_arch = "aarch64")
    ))
}

/// The machine's PGlite.
pub(super) struct Pglite {
    program: PathBuf,
}

impl Pglite {
    /// Builds it if it has not been.
    pub(super) fn build(report: &dyn Fn(EmbeddedProgress)) -> Result<Self, EmbeddedError> {
        let built = program::build(report);
        let program = built.map_err(|source| EmbeddedError::Helper {
            source,
            advice: install_advice(),
        })?;
        Ok(Self { program })
    }
}

impl Server for Pglite {
    type Started = StartedPglite;

    fn join(&self, home: &Home, place: &Place) -> Result<Option<EmbeddedServer>, EmbeddedError> {
        let users = open_users(home)?;
        match users.try_lock_shared() {
            Ok(()) => {}
            // It is going, or looks just now whether anybody is there.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(in_folder(&home.users())(error)),
        }
        let owner = fs::metadata(place.folder()).map_err(in_folder(place.folder()))?;
        if owner.uid() != geteuid().as_raw() {
            let error = io::Error::other("it belongs to another user");
            return Err(in_folder(place.folder())(error));
        }
        if UnixStream::connect(place.socket_folder.join(SOCKET_NAME)).is_err() {
            return Ok(None);
        }
        Ok(Some(EmbeddedServer {
            url: url(&place.socket_folder, DATABASE),
            kind: EmbeddedKind::Pglite,
            _lease: Box::new(users),
        }))
    }

    fn start(
        &self,
        home: &Home,
        place: &Place,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<StartedPglite, EmbeddedError> {
        open_users(home)?;
        let log = Log::open(&place.log())?;
        let mut command = user.command(&self.program, place.folder());
        command
            .arg("serve")
            .args([place.folder(), &place.socket_folder, &home.users()])
            .stdin(Stdio::null())
            .stdout(server_lock)
            .stderr(log.for_server()?)
            // Ctrl-C in the terminal is for the command, not for the server that others use too.
            .process_group(0);
        let process = command.spawn().map_err(|source| EmbeddedError::Start {
            kind: EmbeddedKind::Pglite,
            reason: format!("{} cannot be run: {source}", self.program.display()),
        })?;
        Ok(StartedPglite {
            process: Some(process),
            log,
        })
    }
}

/// A helper that has been started, and that is stopped if this is dropped before it is released.
pub(super) struct StartedPglite {
    process: Option<Child>,
    log: Log,
}

impl Started for StartedPglite {
    fn log_tail(&mut self) -> String {
        self.log.tail()
    }

    fn release(mut self) {
        self.process = None;
    }
}

impl Drop for StartedPglite {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What is known of the running helper at `place`; none while it comes or goes.
pub(super) fn running(place: &Place) -> Option<EmbeddedServerProcess> {
    let marker = PgliteMarker::beside(&place.socket_folder)?;
    let holder = marker
        .holder
        .map(|holder| format!("{} {}", holder.pid, holder.command));
    Some(EmbeddedServerProcess {
        pid: marker.pid,
        version: marker.version,
        socket_folder: place.socket_folder.clone(),
        sessions: holder.iter().count().try_into().unwrap_or_default(),
        holder,
    })
}

/// The process to signal, and how, so that the helper stops.
pub(super) fn to_stop(place: &Place) -> (Option<i32>, Signal) {
    let pid = PgliteMarker::beside(&place.socket_folder).map(|marker| marker.pid);
    (pid.filter(|pid| *pid > 1), Signal::SIGTERM)
}

fn open_users(home: &Home) -> Result<File, EmbeddedError> {
    let path = home.users();
    let opened = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(&path);
    opened.map_err(in_folder(&path))
}

fn url(socket_folder: &Path, database: &str) -> DatabaseUrl {
    let host = socket_folder.to_str().expect("the folder was chosen so");
    let parameters = [
        ("user", USER),
        ("dbname", database),
        ("host", host),
        ("port", "5432"),
        ("sslmode", "disable"),
    ];
    DatabaseUrl::from_parameters(&parameters).expect("the parameters are in order")
}
