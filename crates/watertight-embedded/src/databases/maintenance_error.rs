use watertight_connection::ConnectError;
use watertight_diagnostics::{Diagnostic, PostgresError};

use crate::embedded::state::embedded_error::EmbeddedError;

/// Why a database cannot be created or dropped.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The server cannot be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The role must not create databases.
    #[error(
        "failed to create the database `{database}`: the role `{role}` does not have the right CREATEDB"
    )]
    NoCreateDb {
        /// The database to create.
        database: String,
        /// The role of the connection.
        role: String,
    },
    /// The database belongs to another role.
    #[error(
        "failed to drop the database `{database}`: it belongs to the role `{owner}`, and `{role}` is not a member of that"
    )]
    NotOwner {
        /// The database to drop.
        database: String,
        /// Its owner.
        owner: String,
        /// The role of the connection.
        role: String,
    },
    /// A scratch database's own PGlite does not start.
    #[error(transparent)]
    Pglite(#[from] EmbeddedError),
    /// A scratch database in PGlite cannot outlive its process.
    #[error("failed to keep the database: its PGlite ends with this process")]
    NotKept,
    /// PostgreSQL rejects a statement for another reason.
    #[error("failed to {action} the database `{database}`")]
    Refused {
        /// What failed, such as `create` or `drop`.
        action: &'static str,
        /// The database.
        database: String,
        /// PostgreSQL's error.
        source: PostgresError,
    },
}

impl MaintenanceError {
    /// Returns a function that adds the action and the database to a Diesel error.
    pub(super) fn refused(
        action: &'static str,
        database: &str,
    ) -> impl FnOnce(diesel::result::Error) -> Self + use<> {
        let database = database.to_owned();
        move |error| Self::Refused {
            action,
            database,
            source: error.into(),
        }
    }
}

impl Diagnostic for MaintenanceError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Connect(error) => return error.hint(),
            Self::Pglite(error) => return error.hint(),
            Self::NoCreateDb { role, .. } => {
                format!(
                    "give it the right with ALTER ROLE \"{role}\" CREATEDB, or use another role"
                )
            }
            Self::NotOwner { owner, .. } => {
                format!("connect as `{owner}`, or change the owner with ALTER DATABASE … OWNER TO")
            }
            Self::NotKept => {
                "set DATABASE_URL to a PostgreSQL server, and run this again".to_owned()
            }
            Self::Refused { source, .. } => source
                .hint()
                .unwrap_or_else(|| "fix the cause, and try again".to_owned()),
        })
    }
}
