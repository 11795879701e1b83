//! The embedded server on the machine's PostgreSQL.

pub(crate) mod binaries;
mod initdb;
mod lease;
mod start;

use std::fs::File;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Text};
use nix::sys::signal::Signal;
use watertight_connection::{Connection, DatabaseUrl};

use super::state::DATABASE;
use super::state::backend::{Backend, JoinedServer};
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_status::EmbeddedServerProcess;
use super::state::home::Home;
use super::state::server_location::ServerLocation;
use super::state::server_user::ServerUser;
use binaries::usual_binary_folders;
use initdb::SUPERUSER;
use lease::Lease;
use start::StartedPostgresql;

/// The machine's PostgreSQL.
pub(super) struct Postgresql;

impl Backend for Postgresql {
    type Started = StartedPostgresql;

    fn join(
        &self,
        _: &Home,
        location: &ServerLocation,
    ) -> Result<Option<JoinedServer>, EmbeddedError> {
        let url = url(location);
        let Some(mut lease) = Lease::take(&url.with_database("postgres"))? else {
            return Ok(None);
        };
        ensure_database(lease.connection())?;
        Ok(Some(JoinedServer::new(url, lease)))
    }

    fn start(
        &self,
        _: &Home,
        location: &ServerLocation,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<StartedPostgresql, EmbeddedError> {
        start::start(location, user, &usual_binary_folders(), server_lock)
    }
}

/// Returns the process to signal to stop the server, if it is known, and the signal.
pub(super) fn stop_signal(location: &ServerLocation) -> (Option<i32>, Signal) {
    (start::postmaster_pid(location), Signal::SIGINT)
}

/// Returns the running server at `location`, or `None` while it starts or stops.
pub(super) fn running(
    location: &ServerLocation,
) -> Result<Option<EmbeddedServerProcess>, EmbeddedError> {
    let Some(pid) = start::postmaster_pid(location) else {
        return Ok(None);
    };
    let mut connection = url(location).with_database("postgres").connect()?;
    let version = sql::<Text>("SHOW server_version").get_result::<String>(&mut connection)?;
    Ok(Some(EmbeddedServerProcess {
        pid,
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        socket_folder: location.socket_folder.clone(),
        sessions: sql::<BigInt>(lease::SESSIONS).get_result(&mut connection)?,
        holder: None,
    }))
}

fn ensure_database(connection: &mut Connection) -> Result<(), EmbeddedError> {
    if database_exists(connection)? {
        return Ok(());
    }
    let created = connection.batch_execute(&format!("CREATE DATABASE {DATABASE}"));
    // Another user may have been faster.
    match created {
        Err(error) if !database_exists(connection)? => Err(error.into()),
        _ => Ok(()),
    }
}

fn database_exists(connection: &mut Connection) -> Result<bool, EmbeddedError> {
    let exists = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')");
    Ok(sql::<Bool>(&exists).get_result(connection)?)
}

fn url(location: &ServerLocation) -> DatabaseUrl {
    let socket_folder = location.socket_folder.to_str();
    let parameters = [
        ("user", SUPERUSER),
        ("dbname", DATABASE),
        (
            "host",
            socket_folder.expect("`fits_socket` checked the path"),
        ),
        ("port", "5432"),
        ("sslmode", "disable"),
    ];
    DatabaseUrl::from_parameters(&parameters).expect("the parameters are valid")
}
