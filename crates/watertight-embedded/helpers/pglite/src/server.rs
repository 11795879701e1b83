//! The process that clients connect to.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::engine::Engine;
use crate::holder::Holder;
use crate::marker::Marker;
use crate::startup::{Startup, refuse};
use crate::turn::{Taken, Turn};
use crate::{cache, data, dump, lifetime, marker, session, startup};

/// PostgreSQL's name for the socket of port 5432.
const SOCKET: &str = ".s.PGSQL.5432";

/// The only user that can log in, as PGlite has no passwords.
const USER: &str = "postgres";

/// How long to wait for the last session before the server stops.
const LAST_SESSION_TIMEOUT: Duration = Duration::from_secs(10);

struct Server {
    folder: PathBuf,
    engine: Engine,
    turn: Turn,
    marker: Marker,
}

/// Serves the database of a workspace until it has no more users.
pub fn serve_workspace(folder: &Path, sockets: &Path, users: &Path) -> Result<()> {
    // A killed helper's marker has the wrong process.
    marker::remove(sockets);
    cache::ensure()?;
    data::ensure(folder)?;
    let server = start(folder, sockets)?;
    let _users_lock = lifetime::while_used(users, &server.turn)?;
    // First, so that no client connects any more.
    fs::remove_file(sockets.join(SOCKET)).context("failed to remove the socket")?;
    marker::remove(sockets);
    server.engine.stop();
    Ok(())
}

/// Serves a scratch database until stdin ends, and then removes it unless it is to be kept.
pub fn serve_scratch(folder: &Path, sockets: &Path) -> Result<()> {
    cache::ensure()?;
    let root = data::root(folder);
    if !root.exists() {
        data::install_extensions(&root)?;
    }
    let server = start(folder, sockets)?;
    if !lifetime::until_input_ends() {
        server.engine.kill();
        fs::remove_dir_all(sockets).context("failed to remove the socket")?;
        // The lock last, as a sweep skips folders without one.
        let data = data::root(folder);
        if data.exists() {
            fs::remove_dir_all(data).context("failed to remove the data")?;
        }
        return fs::remove_dir_all(folder).context("failed to remove the folder");
    }
    let deadline = Instant::now() + LAST_SESSION_TIMEOUT;
    while server.turn.holder().is_some() && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
    server.engine.stop();
    Ok(())
}

fn start(folder: &Path, sockets: &Path) -> Result<Arc<Server>> {
    let server = Arc::new(Server {
        folder: folder.to_owned(),
        engine: Engine::new(folder, sockets),
        turn: Turn::default(),
        marker: Marker::new(folder, sockets)?,
    });
    server.marker.write(None)?;
    let socket = sockets.join(SOCKET);
    // A killed server's socket. This process holds the lock.
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)
        .with_context(|| format!("failed to listen on {}", socket.display()))?;
    let clients = Arc::clone(&server);
    thread::spawn(move || {
        for client in listener.incoming() {
            match client {
                Ok(client) => {
                    let server = Arc::clone(&clients);
                    thread::spawn(move || server.handle(client));
                }
                // Such as too many open files. Trying again at once would fail again.
                Err(error) => {
                    eprintln!("watertight-pglite: {error}");
                    sleep(Duration::from_millis(100));
                }
            }
        }
    });
    Ok(server)
}

impl Server {
    fn handle(&self, mut client: UnixStream) {
        match startup::read(&mut client) {
            Ok(Some(Startup::Session { message, user })) => {
                self.session(&mut client, &message, &user);
            }
            Ok(Some(Startup::Dump { arguments })) => self.dump(&mut client, &arguments),
            // It may arrive when another process has the session.
            Ok(Some(Startup::Cancel)) => {
                let sender = Holder::of(&client).pid;
                if self
                    .turn
                    .holder()
                    .is_some_and(|holder| holder.pid == sender)
                {
                    self.engine.kill();
                }
            }
            Ok(None) | Err(_) => {}
        }
    }

    fn session(&self, client: &mut UnixStream, startup: &[u8], user: &str) {
        if user != USER {
            let message = format!("PGlite has no logins but `{USER}`, so not `{user}`");
            let hint = format!(
                "connect as `{USER}` and use SET ROLE, or use a PostgreSQL server, where roles can log in"
            );
            return refuse(client, "28000", &message, &hint);
        }
        self.with_turn(client, |client, taken| {
            let postgres = self.engine.connect()?;
            session::run(client, &postgres, startup, &self.engine, taken)?;
            Ok(())
        });
    }

    fn dump(&self, client: &mut UnixStream, arguments: &[String]) {
        self.with_turn(client, |client, _| {
            // The dump runs its own PostgreSQL.
            self.engine.stop();
            let sql = dump::in_child_process(&self.folder, arguments)?;
            // The client may have disconnected.
            let _ = client.write_all(&[&b"D"[..], &sql].concat());
            Ok(())
        });
    }

    /// Runs `work` if no other client has the session, or sends the client an error that names its holder.
    fn with_turn(
        &self,
        client: &mut UnixStream,
        work: impl FnOnce(&mut UnixStream, &Taken<'_>) -> Result<()>,
    ) {
        let process = Holder::of(client);
        let taken = match self.turn.take(process.clone()) {
            Ok(taken) => taken,
            Err(holder) => {
                let message = format!(
                    "PGlite serves one connection at a time, and process {} has it: {}",
                    holder.pid, holder.command
                );
                let hint = "wait until it has ended, or stop it; a PostgreSQL server serves many connections";
                return refuse(client, "53300", &message, hint);
            }
        };
        let written = self.marker.write(Some(&process));
        let done = written.and_then(|()| work(client, &taken));
        if let Err(error) = done {
            eprintln!("watertight-pglite: {error:#}");
            let hint = "see the log of the embedded database";
            refuse(client, "58000", &format!("{error:#}"), hint);
        }
        if let Err(error) = self.marker.write(None) {
            eprintln!("watertight-pglite: {error:#}");
        }
    }
}
