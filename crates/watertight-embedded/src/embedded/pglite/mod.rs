//! The embedded server on PGlite: PostgreSQL compiled to WebAssembly.
//!
//! It runs in a helper program, `watertight-pglite`, which is built when it is first needed. The helper serves one
//! connection at a time, and names its holder to other clients. A user holds a shared lock on a file, which the kernel
//! releases however the user ends. Some seconds after the last user has ended, the helper ends.

pub(crate) mod instance;
pub(crate) mod instance_folders;
mod program;
pub(crate) mod request;
pub(crate) mod template;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use watertight_connection::PgliteMarker;

use super::state::DATABASE;
use super::state::backend::{Backend, JoinedServer, StartedServer};
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_kind::EmbeddedKind;
use super::state::embedded_progress::EmbeddedProgress;
use super::state::embedded_status::EmbeddedServerProcess;
use super::state::home::Home;
use super::state::install_command::install_command;
use super::state::server_location::ServerLocation;
use super::state::server_log::ServerLog;
use super::state::server_user::ServerUser;
use super::state::socket::SOCKET_NAME;

/// Returns whether PGlite supports the platform that this crate was compiled for.
pub(super) fn supports_this_platform() -> bool {
    cfg!(any(
        all(
            target_os = "linux",
            target_env = "gnu",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
        all(target_os = "macos", target_arch = "aarch64")
    ))
}

pub(super) fn unsupported_platform() -> EmbeddedError {
    EmbeddedError::NoPglite {
        platform: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        install: install_command(),
    }
}

/// The PGlite of this machine's user.
pub(super) struct Pglite {
    program: PathBuf,
}

impl Pglite {
    /// Builds the helper unless it is built.
    pub(super) fn build(report: &dyn Fn(EmbeddedProgress)) -> Result<Self, EmbeddedError> {
        let built = program::build(report);
        let program = built.map_err(|source| EmbeddedError::Helper {
            source,
            install: install_command(),
        })?;
        Ok(Self { program })
    }
}

impl Backend for Pglite {
    type Started = StartedPglite;

    fn join(
        &self,
        home: &Home,
        location: &ServerLocation,
    ) -> Result<Option<JoinedServer>, EmbeddedError> {
        let users = open_users_lock(home)?;
        match users.try_lock_shared() {
            Ok(()) => {}
            // The helper is ending, or checks for users at this moment.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(EmbeddedError::at(&home.users_lock())(error));
            }
        }
        let folder = location.folder();
        let owner = fs::metadata(folder).map_err(EmbeddedError::at(folder))?;
        if owner.uid() != geteuid().as_raw() {
            let error = io::Error::other("it belongs to another user");
            return Err(EmbeddedError::at(folder)(error));
        }
        if UnixStream::connect(location.socket_folder.join(SOCKET_NAME)).is_err() {
            return Ok(None);
        }
        let url = instance::url(&location.socket_folder, DATABASE);
        Ok(Some(JoinedServer::new(url, users)))
    }

    fn start(
        &self,
        home: &Home,
        location: &ServerLocation,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<StartedPglite, EmbeddedError> {
        open_users_lock(home)?;
        let log = ServerLog::open(&location.log())?;
        let mut command = user.command(&self.program, location.folder());
        command
            .arg("serve")
            .args([
                location.folder(),
                &location.socket_folder,
                &home.users_lock(),
            ])
            .stdin(Stdio::null())
            .stdout(server_lock)
            .stderr(log.for_server()?)
            // Ctrl-C in the terminal must not stop a server that other processes use.
            .process_group(0);
        let process = command.spawn().map_err(|error| EmbeddedError::Start {
            kind: EmbeddedKind::Pglite,
            reason: format!("{} cannot be run: {error}", self.program.display()),
        })?;
        Ok(StartedPglite {
            process: Some(process),
            log,
        })
    }
}

/// A PGlite that this process has started.
pub(super) struct StartedPglite {
    process: Option<Child>,
    log: ServerLog,
}

impl StartedServer for StartedPglite {
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

/// Returns the running helper at `location`, or `None` while it starts or stops.
pub(super) fn running(location: &ServerLocation) -> Option<EmbeddedServerProcess> {
    let marker = PgliteMarker::beside(&location.socket_folder)?;
    let holder = marker
        .holder
        .map(|holder| format!("{} {}", holder.pid, holder.command));
    Some(EmbeddedServerProcess {
        pid: marker.pid,
        version: marker.version,
        socket_folder: location.socket_folder.clone(),
        sessions: i64::from(holder.is_some()),
        holder,
    })
}

/// Returns the process to signal to stop the helper, if it is known, and the signal.
pub(super) fn stop_signal(location: &ServerLocation) -> (Option<i32>, Signal) {
    let pid = PgliteMarker::beside(&location.socket_folder).map(|marker| marker.pid);
    (pid.filter(|pid| *pid > 1), Signal::SIGTERM)
}

fn open_users_lock(home: &Home) -> Result<File, EmbeddedError> {
    let path = home.users_lock();
    let opened = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(&path);
    opened.map_err(EmbeddedError::at(&path))
}
