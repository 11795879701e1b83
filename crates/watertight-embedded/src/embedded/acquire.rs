//! Becoming a user of a workspace's server, which is started if it is not running.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::choose::choose_kind;
use super::pglite::Pglite;
use super::postgresql::Postgresql;
use super::state::POLL;
use super::state::backend::{Backend, JoinedServer, StartedServer};
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_kind::EmbeddedKind;
use super::state::embedded_progress::EmbeddedProgress;
use super::state::home::Home;
use super::state::server_location::ServerLocation;

type Report<'a> = &'a dyn Fn(EmbeddedProgress);

/// Long enough for a recovery after a crash.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// How often a query may fail while another process stops the server.
const MAX_FAILED_QUERIES: u32 = 50;

pub(super) fn acquire(
    workspace: &Path,
    report: Report<'_>,
) -> Result<(EmbeddedKind, JoinedServer), EmbeddedError> {
    let kind = choose_kind(workspace)?;
    let server = match kind {
        EmbeddedKind::Postgresql => {
            let home = Home::create(workspace, kind)?;
            report_data_elsewhere(workspace, &home, EmbeddedKind::Pglite, report)?;
            join_or_start(&home, &Postgresql, report)?
        }
        EmbeddedKind::Pglite => {
            let pglite = Pglite::build(report)?;
            let home = Home::create(workspace, kind)?;
            report_data_elsewhere(workspace, &home, EmbeddedKind::Postgresql, report)?;
            join_or_start(&home, &pglite, report)?
        }
    };
    Ok((kind, server))
}

fn report_data_elsewhere(
    workspace: &Path,
    home: &Home,
    other: EmbeddedKind,
    report: Report<'_>,
) -> Result<(), EmbeddedError> {
    if !home.has_data()? && Home::at(workspace, other)?.has_data()? {
        report(EmbeddedProgress::DataElsewhere(other));
    }
    Ok(())
}

fn join_or_start(
    home: &Home,
    backend: &impl Backend,
    report: Report<'_>,
) -> Result<JoinedServer, EmbeddedError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut failed_queries = 0;
    loop {
        if home.is_server_alive()? {
            match home
                .location()?
                .map(|location| backend.join(home, &location))
            {
                Some(Ok(Some(server))) => return Ok(server),
                // Another process may be stopping the server.
                Some(Err(EmbeddedError::Query(_))) if failed_queries < MAX_FAILED_QUERIES => {
                    failed_queries += 1;
                }
                Some(Err(error)) => return Err(error),
                Some(Ok(None)) | None => {}
            }
        } else if let Some(_start_lock) = home.try_start_lock()?
            && let Some(server_lock) = home.try_server_lock()?
        {
            report(if home.has_data()? {
                EmbeddedProgress::StartingServer(home.kind())
            } else {
                EmbeddedProgress::CreatingServer(home.kind())
            });
            let (location, user) = home.create_location()?;
            let mut started = backend.start(home, &location, &user, server_lock)?;
            let joined = wait_until_joined(home, &location, backend, &mut started, deadline)?;
            started.release();
            return Ok(joined);
        }
        if Instant::now() > deadline {
            let log = match home.location()? {
                Some(location) => location.log(),
                None => home.folder().to_owned(),
            };
            return Err(timed_out(home, log));
        }
        sleep(POLL);
    }
}

fn wait_until_joined<B: Backend>(
    home: &Home,
    location: &ServerLocation,
    backend: &B,
    started: &mut B::Started,
    deadline: Instant,
) -> Result<JoinedServer, EmbeddedError> {
    loop {
        if let Some(server) = backend.join(home, location)? {
            return Ok(server);
        }
        if !home.is_server_alive()? {
            return Err(EmbeddedError::Start {
                kind: home.kind(),
                reason: started.log_tail(),
            });
        }
        if Instant::now() > deadline {
            return Err(timed_out(home, location.log()));
        }
        sleep(POLL);
    }
}

fn timed_out(home: &Home, log: PathBuf) -> EmbeddedError {
    EmbeddedError::Deadline {
        kind: home.kind(),
        waited: START_TIMEOUT,
        log,
    }
}
