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

/// The only user who can log in: PGlite asks nobody for a password.
const USER: &str = "postgres";

/// How long the last session may take to end before the server stops all the same.
const LAST_SESSION: Duration = Duration::from_secs(10);

struct Server {
    folder: PathBuf,
    engine: Engine,
    turn: Turn,
    marker: Marker,
}

/// Serves the database of a workspace for as long as somebody uses it.
pub fn of_workspace(folder: &Path, sockets: &Path, users: &Path) -> Result<()> {
    // That of a helper that was killed names a process that is not this one.
    marker::remove(sockets);
    cache::ensure()?;
    data::ensure(folder)?;
    let server = start(folder, sockets)?;
    let _going = lifetime::while_used(users, &server.turn)?;
    // Nobody comes any more: the socket goes first.
    fs::remove_file(sockets.join(SOCKET)).context("failed to remove the socket")?;
    marker::remove(sockets);
    server.engine.stop();
    Ok(())
}

/// Serves a database until the standard input ends, and then removes it, unless it is to stay.
pub fn for_a_while(folder: &Path, sockets: &Path) -> Result<()> {
    cache::ensure()?;
    let root = data::root(folder);
    if !root.exists() {
        data::install_extensions(&root)?;
    }
    let server = start(folder, sockets)?;
    if !lifetime::until_input_ends() {
        server.engine.kill();
        fs::remove_dir_all(sockets).context("failed to remove the socket")?;
        // The lock goes last: what is left without one, nobody would remove.
        let data = data::root(folder);
        if data.exists() {
            fs::remove_dir_all(data).context("failed to remove the data")?;
        }
        return fs::remove_dir_all(folder).context("failed to remove the folder");
    }
    let deadline = Instant::now() + LAST_SESSION;
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
    // What a killed server has left; this one holds the lock.
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)
        .with_context(|| format!("failed to listen on {}", socket.display()))?;
    let clients = Arc::clone(&server);
    thread::spawn(move || {
        for client in listener.incoming() {
            match client {
                Ok(client) => {
                    let server = Arc::clone(&clients);
                    thread::spawn(move || server.answer(client));
                }
                // There are too many open files, say; it would come again at once.
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
    fn answer(&self, mut client: UnixStream) {
        match startup::read(&mut client) {
            Ok(Some(Startup::Session { message, user })) => {
                self.session(&mut client, &message, &user);
            }
            Ok(Some(Startup::Dump { arguments })) => self.dump(&mut client, &arguments),
            // It may come late, when somebody else has the session.
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
        self.in_turn(client, |client, taken| {
            let postgres = self.engine.connect()?;
            session::run(client, &postgres, startup, &self.engine, taken)?;
            Ok(())
        });
    }

    fn dump(&self, client: &mut UnixStream, arguments: &[String]) {
        self.in_turn(client, |client, _| {
            // The dump runs PostgreSQL in a process of its own.
            self.engine.stop();
            let sql = dump::in_a_process(&self.folder, arguments)?;
            // The client may have gone.
            let _ = client.write_all(&[&b"D"[..], &sql].concat());
            Ok(())
        });
    }

    /// Does it when nobody else has PostgreSQL, or tells the client who has it.
    fn in_turn(
        &self,
        client: &mut UnixStream,
        work: impl FnOnce(&mut UnixStream, &Taken<'_>) -> Result<()>,
    ) {
        let newcomer = Holder::of(client);
        let taken = match self.turn.take(newcomer.clone()) {
            Ok(taken) => taken,
            Err(holder) => {
                let message = format!(
                    "PGlite serves one connection at a time, and process {} has it: {}",
                    holder.pid, holder.command
                );
                let hint = "wait until that has ended, or stop it; a PostgreSQL server takes many at a time";
                return refuse(client, "53300", &message, hint);
            }
        };
        let noted = self.marker.write(Some(&newcomer));
        let done = noted.and_then(|()| work(client, &taken));
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
