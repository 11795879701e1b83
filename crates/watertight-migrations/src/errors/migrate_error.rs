use std::error::Error;
use std::time::Duration;

use watertight_connection::ConnectError;
use watertight_diagnostics::{Diagnostic, OWN_SESSION_HINT, PostgresError, SourceExcerpt};
use watertight_metadata::PluginId;

use super::denied_migrations::DeniedMigrations;
use super::drifted_migrations::DriftedMigrations;
use super::lock_holder::LockHolder;
use super::migration_failure::MigrationFailure;
use super::no_lock::NoLock;
use super::refused_sql::RefusedSql;
use super::sqlstate;
use super::unfinished_migration::UnfinishedMigration;
use super::unrecorded_migration::UnrecordedMigration;
use crate::direction::Direction;
use crate::sql::history_sql;

/// Why migrations were not applied, reverted or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// No plugin has the requested id.
    #[error("failed to find plugin `{plugin}`: no plugin has this id")]
    UnknownPlugin {
        /// The requested id.
        plugin: PluginId,
        /// The ids of all plugins.
        known: String,
    },
    /// The connection has an open transaction.
    #[error(
        "failed to begin: the connection has an open transaction, and migrations need transactions of their own"
    )]
    OpenTransaction,
    /// One of Watertight's own statements failed.
    #[error("failed to {doing}")]
    Database {
        /// What it was for.
        doing: String,
        /// PostgreSQL's error.
        source: PostgresError,
    },
    /// The connection was lost.
    #[error("failed to {doing}: the connection to PostgreSQL was lost")]
    ConnectionLost {
        /// What was being done.
        doing: String,
        /// The connection's error.
        source: PostgresError,
        /// What to do next.
        next: &'static str,
    },
    /// No connection could be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The role has no right to read a history.
    #[error("failed to read the history of plugin `{plugin}`: the role has no right to")]
    NotReadable {
        /// The plugin.
        plugin: PluginId,
    },
    /// A schema does not exist and the role has no right to create it.
    #[error(
        "failed to create the schema of plugin `{plugin}`: the role has no right to create schemas in this database"
    )]
    MayNotCreateSchema {
        /// The plugin.
        plugin: PluginId,
    },
    /// A history does not exist and the role has no right to create it.
    #[error(
        "failed to create the history of plugin `{plugin}`: the role has no right to create tables in its schema"
    )]
    MayNotCreateHistory {
        /// The plugin.
        plugin: PluginId,
    },
    /// Diesel created a history, without Watertight's columns, and the role does not own it.
    #[error(
        "failed to add columns to the history of plugin `{plugin}`, which Diesel created: the role does not own it"
    )]
    MayNotAlterHistory {
        /// The plugin.
        plugin: PluginId,
    },
    /// The role has no right to write a history.
    #[error("failed to write the history of plugin `{plugin}`: the role has no right to {right}")]
    MayNotWriteHistory {
        /// The plugin.
        plugin: PluginId,
        /// `INSERT`, `DELETE` or `UPDATE`.
        right: &'static str,
    },
    /// The database cannot be written; nothing was run.
    #[error(
        "failed to write to the database: {}",
        if *.is_standby { "the server is a standby" } else { "`default_transaction_read_only` is on" }
    )]
    ReadOnly {
        /// Whether the server is a standby. Otherwise the session is read-only.
        is_standby: bool,
    },
    /// Another session held a lock for too long.
    #[error(
        "failed to {doing}: {holder} still holds the lock after {} s",
        .waited.as_secs_f32()
    )]
    LockTimeout {
        /// What needs the lock.
        doing: String,
        /// How long it waited.
        waited: Duration,
        /// The session that holds it.
        holder: LockHolder,
    },
    /// Applied migrations are no longer in the code as they were applied; nothing was run.
    #[error(transparent)]
    Drifted(Box<DriftedMigrations>),
    /// Migrations are ahead or out of order, which the options deny; nothing was run.
    #[error(transparent)]
    Denied(Box<DeniedMigrations>),
    /// A migration's SQL must not be sent; nothing was.
    #[error(transparent)]
    Refused(Box<RefusedSql>),
    /// A statement of a migration failed.
    #[error(transparent)]
    Failed(Box<MigrationFailure>),
    /// A migration did not get a lock within PostgreSQL's `lock_timeout`.
    #[error(transparent)]
    NoLock(Box<NoLock>),
    /// A migration without a transaction ran, but is not recorded.
    #[error(transparent)]
    Unrecorded(Box<UnrecordedMigration>),
    /// A migration without a transaction is recorded, but its session no longer held the plugin's lock.
    #[error(
        "failed to release the lock of plugin `{plugin}` after migration {migration}: the session no longer holds it"
    )]
    LockLost {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
    },
    /// A migration did not end.
    #[error(transparent)]
    Unfinished(Box<UnfinishedMigration>),
    /// The run was interrupted while no migration was running.
    #[error("interrupted while no migration was running")]
    Interrupted,
    /// A Rust migration failed.
    #[error("failed to {direction} migration {migration} of plugin `{plugin}`")]
    RustMigration {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// What was done with it.
        direction: Direction,
        /// Whether it ran in a transaction, which was then rolled back.
        in_transaction: bool,
        /// Its error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A migration ended the transaction that it shares with its history row.
    #[error(
        "failed to {direction} migration {migration} of plugin `{plugin}`: it ended the transaction that it ran in, so what it \
         did before stays applied, and it is not recorded"
    )]
    TransactionEnded {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// What was done with it.
        direction: Direction,
    },
    /// A migration that runs without a transaction began one and did not end it.
    #[error(
        "failed to {direction} migration {migration} of plugin `{plugin}`: it began a transaction and did not end it, so what \
         it did inside was rolled back, what it did before stays applied, and it is not recorded"
    )]
    TransactionLeftOpen {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// What was done with it.
        direction: Direction,
    },
    /// A migration needs a session of its own, and a connection pooler gives each transaction another one; nothing of
    /// the plugin was run.
    #[error(
        "failed to {direction} migration {migration} of plugin `{plugin}`: {reason}, and a connection pooler in transaction \
         mode gives each transaction another session"
    )]
    SharedSession {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// What was to be done with it.
        direction: Direction,
        /// `it runs without a transaction` or `it is a Rust migration`.
        reason: &'static str,
    },
    /// The history has a version that no migration has.
    #[error(
        "failed to revert plugin `{plugin}`: version {version} is applied, but no migration here has this version"
    )]
    NoMigration {
        /// The plugin.
        plugin: PluginId,
        /// The version.
        version: String,
    },
    /// A migration has no `down.sql`, or an empty one.
    #[error("failed to revert migration {migration} of plugin `{plugin}`: it has {what}")]
    NoDownSql {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// `no down.sql` or `an empty down.sql`.
        what: &'static str,
    },
    /// A redo was requested, but no migration is applied.
    #[error("failed to redo a migration of plugin `{plugin}`: none is applied")]
    NothingApplied {
        /// The plugin.
        plugin: PluginId,
    },
    /// Another run changed the history after it was read.
    #[error(
        "failed to {direction} migration {migration} of plugin `{plugin}`: another run has changed the history in the meantime, \
         and it is no longer the newest one applied"
    )]
    HistoryChanged {
        /// The plugin.
        plugin: PluginId,
        /// The migration.
        migration: String,
        /// What was to be done with it.
        direction: Direction,
    },
    /// Another run changed the history after a repair was planned.
    #[error(
        "failed to repair the history of plugin `{plugin}`: another run has changed it in the meantime"
    )]
    HistoryChangedBeforeRepair {
        /// The plugin.
        plugin: PluginId,
    },
    /// A version is neither in the code nor in the history.
    #[error("failed to find version {version} of plugin `{plugin}`: no migration has it")]
    UnknownVersion {
        /// The plugin.
        plugin: PluginId,
        /// The version.
        version: String,
    },
}

impl Diagnostic for MigrateError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Drifted(drifted) => return drifted.hint(),
            Self::Denied(denied) => return denied.hint(),
            Self::Refused(refused) => return refused.hint(),
            Self::Failed(failure) => return failure.hint(),
            Self::NoLock(error) => return error.hint(),
            Self::Unrecorded(unrecorded) => return unrecorded.hint(),
            Self::Unfinished(unfinished) => return unfinished.hint(),
            Self::Connect(error) => return error.hint(),
            Self::Database { source, .. } => return Some(database_hint(source)),
            Self::UnknownPlugin { known, .. } => return Some(format!("the plugins are {known}")),
            Self::NotReadable { plugin } => {
                return Some(format!(
                    "as the owner, run `GRANT USAGE ON SCHEMA \"{}\" TO <role>` and `GRANT SELECT ON {} TO <role>`",
                    plugin.schema_name(),
                    history_sql::table(*plugin)
                ));
            }
            Self::MayNotCreateSchema { plugin } => {
                return Some(format!(
                    "as the database's owner, run `GRANT CREATE ON DATABASE <database> TO <role>`, or `CREATE SCHEMA \"{}\" \
                     AUTHORIZATION <role>`",
                    plugin.schema_name()
                ));
            }
            Self::MayNotCreateHistory { plugin } => {
                return Some(format!(
                    "as the schema's owner, run `GRANT USAGE, CREATE ON SCHEMA \"{}\" TO <role>`",
                    plugin.schema_name()
                ));
            }
            Self::MayNotAlterHistory { plugin } => {
                return Some(format!(
                    "as its owner, run the migrations once, or run `{}`",
                    history_sql::add_columns(*plugin)
                ));
            }
            Self::MayNotWriteHistory { plugin, .. } => {
                return Some(format!(
                    "as its owner, run `GRANT INSERT, UPDATE, DELETE ON {} TO <role>`",
                    history_sql::table(*plugin)
                ));
            }
            Self::ReadOnly { is_standby: true } => {
                "connect to the primary server, which `target_session_attrs=read-write` finds among several hosts"
            }
            Self::ReadOnly { is_standby: false } => {
                "turn it off for this role, database or connection"
            }
            Self::LockTimeout { holder, .. } => {
                return Some(format!(
                    "wait for it to end, or end it with `SELECT pg_terminate_backend({})`",
                    holder.pid
                ));
            }
            Self::ConnectionLost { source, next, .. } => match sqlstate::remedy(source) {
                Some(remedy) => return Some(format!("{remedy}; {next}")),
                None => next,
            },
            Self::LockLost { .. } => {
                "the migration is applied and recorded; connect without a pooler in transaction mode, which may keep the lock"
            }
            Self::Interrupted => "run it again",
            Self::OpenTransaction => "commit it or roll it back first, or use another connection",
            Self::RustMigration {
                in_transaction,
                source,
                ..
            } => {
                let remedy = source.downcast_ref().and_then(sqlstate::remedy);
                let effect = if *in_transaction {
                    "nothing of this migration was applied; fix it and run it again"
                } else {
                    "what it did before the error stays applied, because it runs without a transaction"
                };
                return Some(match remedy {
                    Some(remedy) => format!("{remedy}; {effect}"),
                    None => effect.to_owned(),
                });
            }
            Self::TransactionEnded { .. } => {
                "set `run_in_transaction = false` in its metadata.toml"
            }
            Self::SharedSession { .. } => OWN_SESSION_HINT,
            Self::TransactionLeftOpen { .. } => "add the missing `COMMIT`",
            Self::NoMigration { .. } => {
                "restore its folder, or revert it from the version of the code that has it"
            }
            Self::NoDownSql { .. } => "write one, or undo it with a new migration",
            Self::NothingApplied { .. } => "run its migrations first",
            Self::HistoryChanged { .. } | Self::HistoryChangedBeforeRepair { .. } => {
                "check the status and decide again"
            }
            Self::UnknownVersion { .. } => "the status lists the migrations of each plugin",
        };
        Some(hint.to_owned())
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Refused(refused) => refused.excerpt(),
            Self::Failed(failure) => failure.excerpt(),
            Self::NoLock(error) => error.excerpt(),
            _ => None,
        }
    }
}

fn database_hint(source: &PostgresError) -> String {
    source
        .hint()
        .or_else(|| sqlstate::remedy(source).map(str::to_owned))
        .unwrap_or_else(|| "see the log of the PostgreSQL server if this is not enough".to_owned())
}

impl MigrateError {
    /// Returns whether the error is that the run was interrupted.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::Unfinished(unfinished) => unfinished.connection_lost.is_none(),
            _ => false,
        }
    }

    /// Returns the name of the migration that the error is about, if any.
    pub fn migration(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => Some(&refused.migration),
            Self::Failed(failure) => Some(&failure.migration),
            Self::NoLock(error) => Some(&error.migration),
            Self::Unrecorded(unrecorded) => Some(&unrecorded.migration),
            Self::Unfinished(unfinished) => Some(&unfinished.migration),
            Self::RustMigration { migration, .. }
            | Self::TransactionEnded { migration, .. }
            | Self::SharedSession { migration, .. }
            | Self::TransactionLeftOpen { migration, .. }
            | Self::LockLost { migration, .. }
            | Self::NoDownSql { migration, .. }
            | Self::HistoryChanged { migration, .. } => Some(migration),
            _ => None,
        }
    }
}
