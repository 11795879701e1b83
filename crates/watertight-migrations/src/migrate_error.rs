use std::error::Error;
use std::time::Duration;

use diesel::result::Error as DieselError;
use watertight_metadata::PluginId;

use crate::failure::{MigrationFailure, RefusedSql};
use crate::lock::Holder;
use crate::progress::Direction;
use crate::session::Fault;

/// Why migrations were not run, reverted or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A plugin was named that is not there.
    #[error(
        "failed to find plugin `{plugin}`: there is none with that id; the plugins are {known}"
    )]
    UnknownPlugin {
        /// The id that was named.
        plugin: PluginId,
        /// The ids that are there.
        known: String,
    },
    /// The connection has a transaction open.
    #[error(
        "failed to begin: the connection has a transaction open, and migrations need transactions of their own; commit it or \
         roll it back first, or use another connection"
    )]
    OpenTransaction,
    /// A query of ours failed.
    #[error("failed to {doing}: {source}{}; see the PostgreSQL server's log if that does not say enough", detail(.source))]
    Database {
        /// What it was for.
        doing: String,
        /// What PostgreSQL said.
        source: DieselError,
    },
    /// The connection was lost.
    #[error("failed to {doing}: the connection to PostgreSQL was lost ({source}); {next}")]
    ConnectionLost {
        /// What was going on.
        doing: String,
        /// What the connection said.
        source: DieselError,
        /// What is known, and what to do.
        next: &'static str,
    },
    /// No connection could be opened. The text is what the caller's `connect` said.
    #[error("{source}")]
    Connect {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The role may not read a history.
    #[error(
        "failed to read the history of plugin `{plugin}`: the role may not; as the owner, run `GRANT USAGE ON SCHEMA \
         \"{schema}\"` and `GRANT SELECT ON \"{schema}\".\"__diesel_schema_migrations\"` to it",
        schema = .plugin.schema_name()
    )]
    NotReadable {
        /// The plugin.
        plugin: PluginId,
    },
    /// A schema is missing and the role may not create it.
    #[error(
        "failed to create the schema of plugin `{plugin}`: the role may not create schemas in this database; as the database's \
         owner, run `GRANT CREATE ON DATABASE` to it, or `CREATE SCHEMA \"{schema}\" AUTHORIZATION` for it",
        schema = .plugin.schema_name()
    )]
    MayNotCreateSchema {
        /// The plugin.
        plugin: PluginId,
    },
    /// A history is missing and the role may not create it.
    #[error(
        "failed to create the history of plugin `{plugin}`: the role may not create tables in its schema; as the schema's owner, \
         run `GRANT USAGE, CREATE ON SCHEMA \"{schema}\"` to it",
        schema = .plugin.schema_name()
    )]
    MayNotCreateHistory {
        /// The plugin.
        plugin: PluginId,
    },
    /// Diesel made a history, without our columns, and the role does not own it.
    #[error(
        "failed to add columns to the history of plugin `{plugin}`, which Diesel made: the role does not own it; as its owner, \
         run the migrations once, or run `{sql}`",
        sql = crate::history::add_columns(*.plugin)
    )]
    MayNotAlterHistory {
        /// The plugin.
        plugin: PluginId,
    },
    /// Somebody else held a lock for too long.
    #[error(
        "failed to {doing}: after {} s {} still holds the lock; wait for it to end, or end it with `SELECT \
         pg_terminate_backend(pid)`",
        .waited.as_secs_f32(),
        .holder.as_ref().map_or_else(|| "another session".to_owned(), ToString::to_string)
    )]
    LockTimeout {
        /// What needs the lock.
        doing: String,
        /// How long it waited.
        waited: Duration,
        /// Who has it, if that could be seen.
        holder: Option<Holder>,
    },
    /// A migration's SQL cannot be sent; nothing was.
    #[error(transparent)]
    Refused(Box<RefusedSql>),
    /// A statement of a migration failed.
    #[error(transparent)]
    Failed(Box<MigrationFailure>),
    /// A migration that is code failed.
    #[error("failed to {direction} migration {migration} of plugin {plugin}: {source}; {next}")]
    Code {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// Which way it went.
        direction: Direction,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
        /// What stays applied, and what to do.
        next: &'static str,
    },
    /// A migration ended the transaction that it shares with its history row.
    #[error(
        "failed to {direction} migration {migration} of plugin {plugin}: it ended the transaction that it ran in, so what it did \
         before that stays, and it is not recorded; set `run_in_transaction = false` in its metadata.toml"
    )]
    TransactionEnded {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// Which way it went.
        direction: Direction,
    },
    /// A migration that runs without a transaction began one and did not end it.
    #[error(
        "failed to {direction} migration {migration} of plugin {plugin}: it began a transaction and did not end it; what it did in \
         there was rolled back, what it did before stays applied, and it is not recorded; add the `COMMIT`"
    )]
    TransactionLeftOpen {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// Which way it went.
        direction: Direction,
    },
    /// The history has a version that no migration has.
    #[error(
        "failed to revert plugin {plugin}: version {version} is applied, but there is no such migration here; bring its folder \
         back, or revert it from the code that has it"
    )]
    NoMigration {
        /// The plugin.
        plugin: PluginId,
        /// The version.
        version: String,
    },
    /// A migration has no `down.sql`, or nothing in it.
    #[error(
        "failed to revert migration {migration} of plugin {plugin}: it has {what}; write one, or undo it with a new migration"
    )]
    NoDownSql {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// Is it missing or empty?
        what: &'static str,
    },
    /// There is nothing to redo.
    #[error(
        "failed to redo a migration of plugin {plugin}: none is applied; run its migrations first"
    )]
    NothingApplied {
        /// The plugin.
        plugin: PluginId,
    },
    /// Another run changed the history between reading it and reverting.
    #[error(
        "failed to {direction} migration {migration} of plugin {plugin}: meanwhile another run changed the history, and it is no \
         longer the newest one applied; look at the status and decide again"
    )]
    ChangedMeanwhile {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// Which way it was to go.
        direction: Direction,
    },
}

impl MigrateError {
    /// The name of the migration that it is about, if it is about one.
    pub fn migration(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => Some(&refused.migration),
            Self::Failed(failure) => Some(&failure.migration),
            Self::Code { migration, .. }
            | Self::TransactionEnded { migration, .. }
            | Self::TransactionLeftOpen { migration, .. }
            | Self::NoDownSql { migration, .. }
            | Self::ChangedMeanwhile { migration, .. } => Some(migration),
            _ => None,
        }
    }

    /// Wraps what went wrong in SQL of ours.
    pub(crate) fn from_fault(fault: Fault, doing: impl Into<String>, waited: Duration) -> Self {
        let doing = doing.into();
        match fault {
            Fault::Lost(source) => Self::ConnectionLost {
                doing,
                source,
                next: "run it again when PostgreSQL is back",
            },
            Fault::LockTimeout(holder) => Self::LockTimeout {
                doing,
                waited,
                holder,
            },
            Fault::Database(source) => Self::Database { doing, source },
            Fault::Stopped(stop) => Self::Database {
                doing,
                source: DieselError::QueryBuilderError(stop.constraint().into()),
            },
        }
    }
}

/// PostgreSQL's detail and hint, which Diesel leaves out.
fn detail(error: &DieselError) -> String {
    let DieselError::DatabaseError(_, information) = error else {
        return String::new();
    };
    let mut text = String::new();
    for part in [information.details(), information.hint()]
        .into_iter()
        .flatten()
    {
        text.push_str(" (");
        text.push_str(part);
        text.push(')');
    }
    // Two clients of such a pooler share a session, and with it the names of its prepared statements.
    if information.message().starts_with("prepared statement \"") {
        text.push_str(
            " (a pooler in transaction mode does this; connect straight to PostgreSQL, or through a port in session mode)",
        );
    }
    text
}
