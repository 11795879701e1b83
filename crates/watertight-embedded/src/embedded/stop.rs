//! Stopping a server.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::state::POLL;
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_kind::EmbeddedKind;
use super::state::home::Home;
use super::{pglite, postgresql};

const STOP_TIMEOUT: Duration = Duration::from_mins(1);

/// Stops the server and waits until it has ended. Returns whether it was running.
pub(super) fn stop(home: &Home) -> Result<bool, EmbeddedError> {
    let Some(location) = home.location()? else {
        return Ok(false);
    };
    let deadline = Instant::now() + STOP_TIMEOUT;
    let mut is_signalled = false;
    // Keeps others from starting the server again before it has ended.
    let mut start_lock = None;
    while home.is_server_alive()? {
        if start_lock.is_none() {
            start_lock = home.try_start_lock()?;
        }
        let (pid, signal) = match home.kind() {
            EmbeddedKind::Postgresql => postgresql::stop_signal(&location),
            EmbeddedKind::Pglite => pglite::stop_signal(&location),
        };
        if start_lock.is_some()
            && !is_signalled
            && let Some(pid) = pid
        {
            match kill(Pid::from_raw(pid), signal) {
                Ok(()) => is_signalled = true,
                // It has just ended, and the server's other processes will.
                Err(Errno::ESRCH) => {}
                Err(error) => return Err(EmbeddedError::at(&location.data())(error.into())),
            }
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::Deadline {
                kind: home.kind(),
                waited: STOP_TIMEOUT,
                log: location.log(),
            });
        }
        sleep(POLL);
    }
    Ok(is_signalled)
}
