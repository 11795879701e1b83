//! What concerns whole databases, done from another database of the same server.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::result::Error as QueryError;
use diesel::sql_types::{Bool, Text};
use diesel::{OptionalExtension as _, RunQueryDsl as _};

use crate::EmbeddedError;
use watertight_connection::{ConnectError, Connection, DatabaseUrl, SharedRuntime};

/// Why a database cannot be created or dropped.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The role may not create databases.
    #[error(
        "failed to create the database `{database}`: the role `{role}` lacks the right CREATEDB; give it with ALTER ROLE \"{role}\" CREATEDB, or use another role"
    )]
    NoCreateDb {
        /// The database that was to be created.
        database: String,
        /// The role that connects.
        role: String,
    },
    /// The database belongs to another role.
    #[error(
        "failed to drop the database `{database}`: it belongs to the role `{owner}`, and `{role}` is not a member of that; connect as `{owner}`, or give the database away with ALTER DATABASE … OWNER TO"
    )]
    NotOwner {
        /// The database that was to be dropped.
        database: String,
        /// Whose it is.
        owner: String,
        /// The role that connects.
        role: String,
    },
    /// A PGlite, of which each database is one of its own, does not start.
    #[error(transparent)]
    Pglite(#[from] EmbeddedError),
    /// A database in PGlite cannot outlive the process that made it.
    #[error(
        "failed to keep the database: PGlite ends with the process that uses it; set DATABASE_URL to a PostgreSQL server, and run this again"
    )]
    NotKept,
    /// PostgreSQL refuses for another reason.
    #[error(
        "failed to {action} the database `{database}`: {}; change what it objects to, and try again",
        in_words(source)
    )]
    Refused {
        /// What was to be done: `create`, `drop` …
        action: &'static str,
        /// The database.
        database: String,
        /// PostgreSQL's words.
        source: QueryError,
    },
}

/// Drops the database of `url`, whoever is connected to it, and creates it anew, empty.
///
/// Whether the role may do both is checked before anything is dropped.
///
/// # Errors
/// When the server cannot be reached, or refuses; the message says which right is missing.
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

/// A connection to another database than the one of `url`: one can neither drop the database one is in, nor
/// copy it.
pub(crate) fn connect(url: &DatabaseUrl) -> Result<Connection, ConnectError> {
    let others = ["postgres", "template1"];
    let others: Vec<_> = others
        .into_iter()
        .filter(|other| *other != url.database_name())
        .collect();
    match url.with_database(others[0]).connect() {
        Err(
            ConnectError::NoSuchDatabase { .. }
            | ConnectError::Authentication { .. }
            | ConnectError::Refused { .. },
        ) if others.len() > 1 => url.with_database(others[1]).connect(),
        other => other,
    }
}

/// Refuses when the role may not create databases.
pub(crate) fn check_createdb(
    connection: &mut Connection,
    database: &str,
) -> Result<(), MaintenanceError> {
    let refused = refused("create", database);
    let may =
        sql::<Bool>("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            .get_result(connection)
            .map_err(refused)?;
    if may {
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
    .map_err(refused("drop", database))?;
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
            quoted(name)
        ))
        .map_err(refused("drop", name))
}

/// As [`drop_database`], but not when somebody uses it.
pub(crate) fn drop_database_if_idle(
    connection: &mut Connection,
    name: &str,
) -> Result<(), MaintenanceError> {
    connection
        .batch_execute(&format!("DROP DATABASE IF EXISTS {}", quoted(name)))
        .map_err(refused("drop", name))
}

pub(crate) fn create_database(
    connection: &mut Connection,
    name: &str,
    template: Option<&str>,
) -> Result<(), MaintenanceError> {
    let template = template
        .map(|name| format!(" TEMPLATE {}", quoted(name)))
        .unwrap_or_default();
    connection
        .batch_execute(&format!("CREATE DATABASE {}{template}", quoted(name)))
        .map_err(refused("create", name))
}

pub(crate) fn rename_database(
    connection: &mut Connection,
    old: &str,
    new: &str,
) -> Result<(), MaintenanceError> {
    connection
        .batch_execute(&format!(
            "ALTER DATABASE {} RENAME TO {}",
            quoted(old),
            quoted(new)
        ))
        .map_err(refused("rename", old))
}

pub(crate) fn refused(
    action: &'static str,
    database: &str,
) -> impl FnOnce(QueryError) -> MaintenanceError + use<> {
    let database = database.to_owned();
    move |source| MaintenanceError::Refused {
        action,
        database,
        source,
    }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// PostgreSQL's message, with detail and hint.
fn in_words(error: &QueryError) -> String {
    let QueryError::DatabaseError(_, said) = error else {
        return error.to_string();
    };
    let more = [said.details(), said.hint()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    if more.is_empty() {
        said.message().to_owned()
    } else {
        format!("{} ({more})", said.message())
    }
}
