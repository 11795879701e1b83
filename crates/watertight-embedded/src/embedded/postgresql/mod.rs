//! The embedded server on the machine's PostgreSQL.

mod binaries;
mod lease;
mod start;

use std::fs::File;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Text};

use nix::sys::signal::Signal;

use super::acquire::Server;
use super::home::{Home, Place};
use super::user::ServerUser;
use super::{DATABASE, EmbeddedError, EmbeddedKind, EmbeddedServer, EmbeddedServerProcess};
use lease::Lease;
use start::StartedServer;
use watertight_connection::DatabaseUrl;

pub use binaries::usual_binary_folders;
pub(super) use binaries::{Binaries, OLDEST_MAJOR, install_advice};

/// The machine's PostgreSQL.
pub(super) struct Postgresql;

impl Server for Postgresql {
    type Started = StartedServer;

    fn join(&self, _: &Home, place: &Place) -> Result<Option<EmbeddedServer>, EmbeddedError> {
        join(place)
    }

    fn start(
        &self,
        _: &Home,
        place: &Place,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<StartedServer, EmbeddedError> {
        start::start(place, user, &usual_binary_folders(), server_lock)
    }
}

/// The process to signal, and how, so that the server stops.
pub(super) fn to_stop(place: &Place) -> (Option<i32>, Signal) {
    (start::postmaster_pid(place), Signal::SIGINT)
}

fn join(place: &Place) -> Result<Option<EmbeddedServer>, EmbeddedError> {
    let url = url(place);
    let Some(mut lease) = Lease::take(&url.with_database("postgres"))? else {
        return Ok(None);
    };
    let exists = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')");
    let mut is_there = || sql::<Bool>(&exists).get_result(lease.connection());
    if !is_there()? {
        let created = lease
            .connection()
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"));
        // Another newcomer may have been faster.
        let mut is_there = || sql::<Bool>(&exists).get_result(lease.connection());
        if let Err(error) = created
            && !is_there()?
        {
            return Err(error.into());
        }
    }
    Ok(Some(EmbeddedServer {
        url,
        kind: EmbeddedKind::Postgresql,
        _lease: Box::new(lease),
    }))
}

fn url(place: &Place) -> DatabaseUrl {
    let parameters = [
        ("user", start::USER),
        ("dbname", DATABASE),
        (
            "host",
            place
                .socket_folder
                .to_str()
                .expect("the folder was chosen so"),
        ),
        ("port", "5432"),
        ("sslmode", "disable"),
    ];
    DatabaseUrl::from_parameters(&parameters).expect("the parameters are in order")
}

pub(super) fn running(place: &Place) -> Result<Option<EmbeddedServerProcess>, EmbeddedError> {
    let Some(pid) = start::postmaster_pid(place) else {
        return Ok(None);
    };
    let mut connection = url(place).with_database("postgres").connect()?;
    let version = sql::<Text>("SHOW server_version").get_result::<String>(&mut connection)?;
    Ok(Some(EmbeddedServerProcess {
        pid,
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        socket_folder: place.socket_folder.clone(),
        sessions: sql::<BigInt>(lease::SESSIONS).get_result(&mut connection)?,
        holder: None,
    }))
}
