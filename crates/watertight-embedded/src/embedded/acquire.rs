//! Becoming a user of a server, which is started if it does not run.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::home::{Home, Place};
use super::pglite::Pglite;
use super::postgresql::Postgresql;
use super::user::ServerUser;
use super::{EmbeddedError, EmbeddedKind, EmbeddedProgress, EmbeddedServer, POLL, choose};

/// Long enough for a recovery after a crash.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// What the kinds of server do in ways of their own.
pub(super) trait Server {
    /// A server that has been started, and that stops if this is dropped before it is released.
    type Started: Started;

    /// Becomes a user of the server at `place`. None: it is not up yet, or going.
    fn join(&self, home: &Home, place: &Place) -> Result<Option<EmbeddedServer>, EmbeddedError>;

    /// Starts the server at `place`. It may take a while until it answers. The caller holds the guard; the server's
    /// processes hold `server_lock`.
    fn start(
        &self,
        home: &Home,
        place: &Place,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<Self::Started, EmbeddedError>;
}

/// A server on its way up.
pub(super) trait Started {
    /// The last lines that the server has written since it was started.
    fn log_tail(&mut self) -> String;

    /// From now on the server runs without the process that started it.
    fn release(self);
}

pub(super) fn acquire(
    workspace: &Path,
    report: &dyn Fn(EmbeddedProgress),
) -> Result<EmbeddedServer, EmbeddedError> {
    match choose::wanted(workspace)? {
        EmbeddedKind::Postgresql => {
            let home = Home::open(workspace, EmbeddedKind::Postgresql)?;
            tell_of_data_elsewhere(workspace, &home, EmbeddedKind::Pglite, report)?;
            join_or_start(&home, &Postgresql)
        }
        EmbeddedKind::Pglite => {
            let pglite = Pglite::build(report)?;
            let home = Home::open(workspace, EmbeddedKind::Pglite)?;
            tell_of_data_elsewhere(workspace, &home, EmbeddedKind::Postgresql, report)?;
            join_or_start(&home, &pglite)
        }
    }
}

fn tell_of_data_elsewhere(
    workspace: &Path,
    home: &Home,
    other: EmbeddedKind,
    report: &dyn Fn(EmbeddedProgress),
) -> Result<(), EmbeddedError> {
    if !home.has_data()? && Home::at(workspace, other)?.has_data()? {
        report(EmbeddedProgress::DataElsewhere(other));
    }
    Ok(())
}

fn join_or_start(home: &Home, server: &impl Server) -> Result<EmbeddedServer, EmbeddedError> {
    let deadline = Instant::now() + START_DEADLINE;
    let mut failures = 0;
    loop {
        if home.server_lives()? {
            match home.place()?.map(|place| server.join(home, &place)) {
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
            let mut started = server.start(home, &place, &user, server_lock)?;
            let joined = wait_for(home, &place, server, &mut started, deadline)?;
            started.release();
            return Ok(joined);
        }
        if Instant::now() > deadline {
            let place = home.place()?;
            let log = place.map_or_else(|| home.folder().to_owned(), |place| place.log());
            return Err(too_late(home, log));
        }
        sleep(POLL);
    }
}

fn wait_for<S: Server>(
    home: &Home,
    place: &Place,
    server: &S,
    started: &mut S::Started,
    deadline: Instant,
) -> Result<EmbeddedServer, EmbeddedError> {
    loop {
        if let Some(server) = server.join(home, place)? {
            return Ok(server);
        }
        if !home.server_lives()? {
            return Err(EmbeddedError::Start {
                kind: home.kind(),
                reason: started.log_tail(),
            });
        }
        if Instant::now() > deadline {
            return Err(too_late(home, place.log()));
        }
        sleep(POLL);
    }
}

fn too_late(home: &Home, log: std::path::PathBuf) -> EmbeddedError {
    EmbeddedError::Deadline {
        kind: home.kind(),
        waited: START_DEADLINE,
        log,
    }
}
