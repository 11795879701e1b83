//! The process that runs PostgreSQL.
//!
//! It can be killed at any time, as PostgreSQL recovers from its log. This is also how a statement is cancelled:
//! PostgreSQL inside WebAssembly cannot be interrupted.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use pglite_oxide::PgliteServer;

use crate::{cache, data};

const START_TIMEOUT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// Runs PostgreSQL on the data in `folder` until stdin ends, which also happens when the parent process ends.
pub fn run(folder: &Path, socket: &Path) -> Result<()> {
    let _server = PgliteServer::builder()
        .path(data::root(folder))
        .unix(socket)
        .start()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    // Dropping the server would wait for its client.
    std::process::exit(0);
}

/// The engine process, as seen by its parent.
pub struct Engine {
    folder: PathBuf,
    socket: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Engine {
    /// Returns an engine that is started when it is first needed.
    pub fn new(folder: &Path, socket_folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            socket: socket_folder.join("engine"),
            process: Mutex::new(None),
        }
    }

    /// Opens a session, and starts the engine if it is not running. Only one session may be open at a time.
    pub fn connect(&self) -> Result<UnixStream> {
        let mut process = self.process();
        if let Some(mut running) = process.take() {
            if let Ok(stream) = UnixStream::connect(&self.socket) {
                *process = Some(running);
                return Ok(stream);
            }
            eprintln!("watertight-pglite: PostgreSQL has ended and is restarted");
            end(&mut running);
        }
        let _ = std::fs::remove_file(&self.socket);
        let mut starting = self.start()?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket) {
                *process = Some(starting);
                return Ok(stream);
            }
            if let Some(status) = starting.try_wait()? {
                bail!("PostgreSQL did not start ({status})");
            }
            if Instant::now() > deadline {
                end(&mut starting);
                bail!("PostgreSQL did not start in time");
            }
            sleep(POLL);
        }
    }

    /// Kills PostgreSQL. Uncommitted changes are rolled back when it is restarted.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            end(&mut child);
        }
    }

    /// Stops PostgreSQL. No session may be open.
    pub fn stop(&self) {
        if let Some(mut child) = self.process().take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    fn start(&self) -> Result<Child> {
        data::clear_before_start(&self.folder);
        cache::command()?
            .arg("engine")
            .args([&self.folder, &self.socket])
            .stdin(Stdio::piped())
            .spawn()
            .context("failed to start a process")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
