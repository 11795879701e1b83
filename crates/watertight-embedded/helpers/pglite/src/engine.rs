//! The process in which PostgreSQL runs.
//!
//! It can be killed at any time: PostgreSQL recovers from its log. That is also how a statement is cancelled, since
//! nothing can interrupt PostgreSQL inside WebAssembly.

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

const START_DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// Runs PostgreSQL on the data in `folder` until the standard input ends, as it does when the parent is gone.
pub fn run(folder: &Path, socket: &Path) -> Result<()> {
    let _server = PgliteServer::builder()
        .path(data::root(folder))
        .unix(socket)
        .start()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    // A server that is dropped would wait for its client.
    std::process::exit(0);
}

/// The engine as the process sees it that started it.
pub struct Engine {
    folder: PathBuf,
    socket: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Engine {
    /// An engine that is started when it is needed.
    pub fn new(folder: &Path, socket_folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            socket: socket_folder.join("engine"),
            process: Mutex::new(None),
        }
    }

    /// A new session. Only one may be open at a time.
    pub fn connect(&self) -> Result<UnixStream> {
        let mut process = self.process();
        if let Some(mut running) = process.take() {
            if let Ok(stream) = UnixStream::connect(&self.socket) {
                *process = Some(running);
                return Ok(stream);
            }
            eprintln!("watertight-pglite: PostgreSQL has ended, and is started again");
            end(&mut running);
        }
        let _ = std::fs::remove_file(&self.socket);
        let mut starting = self.start()?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket) {
                *process = Some(starting);
                return Ok(stream);
            }
            if let Some(status) = starting.try_wait()? {
                bail!("PostgreSQL does not start ({status})");
            }
            if Instant::now() > deadline {
                end(&mut starting);
                bail!("PostgreSQL does not start in time");
            }
            sleep(POLL);
        }
    }

    /// Ends PostgreSQL at once. What was not committed is rolled back when it is started again.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            end(&mut child);
        }
    }

    /// Ends PostgreSQL when no session is open.
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
