//! Creating and dropping databases, from another database of the same server.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{OptionalExtension as _, QueryResult, RunQueryDsl as _};

use postgres_protocol::escape::escape_identifier;
use watertight_connection::{ConnectError, Connection, DatabaseUrl, SharedRuntime};

use super::maintenance_error::MaintenanceError;

/// Drops the database of `url`, even if it is in use, and creates an empty one in its place.
///
/// Nothing is dropped unless the role has the rights for both.
///
/// # Errors
/// When the server cannot be reached, or rejects it. The message names a missing right.
pub fn recreate_database(url: &DatabaseUrl) -> Result<(), MaintenanceError> {
    SharedRuntime::run_blocking(|| {
        let name = url.database_name();
        let mut connection = connect(url)?;
        check_createdb(&mut connection, name)?;
        check_owner(&mut connection, name)?;
        drop_database(&mut connection, name)?;
        create_database(&mut connection, name, None)
    })
}

/// Creates the database of `url` unless it exists. Returns whether it was created.
///
/// # Errors
/// When the server cannot be reached, or rejects it. The message names a missing right.
pub fn create_missing_database(url: &DatabaseUrl) -> Result<bool, MaintenanceError> {
    SharedRuntime::run_blocking(|| {
        match url.connect_session() {
            Ok(_) => return Ok(false),
            Err(ConnectError::NoSuchDatabase { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let name = url.database_name();
        let mut connection = connect(url)?;
        check_createdb(&mut connection, name)?;
        match create_database(&mut connection, name, None) {
            Ok(()) => Ok(true),
            // Another process may have created it since.
            Err(error) => match exists(&mut connection, name) {
                Ok(true) => Ok(false),
                Ok(false) | Err(_) => Err(error),
            },
        }
    })
}

/// Returns whether the server has a database with this name.
pub(crate) fn exists(connection: &mut Connection, database: &str) -> QueryResult<bool> {
    sql::<Bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = ")
        .bind::<Text, _>(database)
        .sql(")")
        .get_result(connection)
}

/// Connects to another database than the one of `url`, as a connection cannot drop or copy its own database.
pub(crate) fn connect(url: &DatabaseUrl) -> Result<Connection, ConnectError> {
    let others = ["postgres", "template1"];
    let others: Vec<_> = others
        .into_iter()
        .filter(|other| *other != url.database_name())
        .collect();
    match url.with_database(others[0]).connect_session() {
        Err(
            ConnectError::NoSuchDatabase { .. }
            | ConnectError::Authentication { .. }
            | ConnectError::Refused { .. },
        ) if others.len() > 1 => url.with_database(others[1]).connect_session(),
        other => other,
    }
}

/// Returns an error if the role must not create databases.
pub(crate) fn check_createdb(
    connection: &mut Connection,
    database: &str,
) -> Result<(), MaintenanceError> {
    let can_create =
        sql::<Bool>("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            .get_result(connection)
            .map_err(MaintenanceError::refused("create", database))?;
    if can_create {
        return Ok(());
    }
    Err(MaintenanceError::NoCreateDb {
        database: database.to_owned(),
        role: role(connection),
    })
}

fn check_owner(connection: &mut Connection, database: &str) -> Result<(), MaintenanceError> {
    let foreign_owner = sql::<Text>(
        "SELECT pg_get_userbyid(datdba)::text FROM pg_database
        WHERE NOT pg_has_role(datdba, 'USAGE') AND datname = ",
    )
    .bind::<Text, _>(database)
    .get_result::<String>(connection)
    .optional()
    .map_err(MaintenanceError::refused("drop", database))?;
    match foreign_owner {
        None => Ok(()),
        Some(owner) => Err(MaintenanceError::NotOwner {
            database: database.to_owned(),
            owner,
            role: role(connection),
        }),
    }
}

fn role(connection: &mut Connection) -> String {
    sql::<Text>("SELECT current_user::text")
        .get_result(connection)
        .unwrap_or_default()
}

pub(crate) fn drop_database(
    connection: &mut Connection,
    name: &str,
) -> Result<(), MaintenanceError> {
    connection
        .batch_execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            escape_identifier(name)
        ))
        .map_err(MaintenanceError::refused("drop", name))
}

/// As [`drop_database`], but fails if the database is in use.
pub(crate) fn drop_database_if_idle(
    connection: &mut Connection,
    name: &str,
) -> Result<(), MaintenanceError> {
    connection
        .batch_execute(&format!(
            "DROP DATABASE IF EXISTS {}",
            escape_identifier(name)
        ))
        .map_err(MaintenanceError::refused("drop", name))
}

pub(crate) fn create_database(
    connection: &mut Connection,
    name: &str,
    template: Option<&str>,
) -> Result<(), MaintenanceError> {
    let template = template
        .map(|name| format!(" TEMPLATE {}", escape_identifier(name)))
        .unwrap_or_default();
    connection
        .batch_execute(&format!(
            "CREATE DATABASE {}{template}",
            escape_identifier(name)
        ))
        .map_err(MaintenanceError::refused("create", name))
}

pub(crate) fn rename_database(
    connection: &mut Connection,
    old: &str,
    new: &str,
) -> Result<(), MaintenanceError> {
    connection
        .batch_execute(&format!(
            "ALTER DATABASE {} RENAME TO {}",
            escape_identifier(old),
            escape_identifier(new)
        ))
        .map_err(MaintenanceError::refused("rename", old))
}
