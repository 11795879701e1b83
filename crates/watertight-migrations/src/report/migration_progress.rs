use std::time::Duration;

use watertight_metadata::PluginId;

use super::postgres_notice::PostgresNotice;
use crate::direction::Direction;
use crate::errors::{LockHolder, LockWait, MigrateError};

/// An event during a run. With several connections, events come from several threads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MigrationProgress<'a> {
    /// The state of the database has been read, and nothing was changed yet.
    Planned {
        /// The number of migrations that will run if none fails.
        migrations: usize,
        /// Their plugins.
        plugins: &'a [PluginId],
    },
    /// A migration starts.
    Started {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// What is done with it.
        direction: Direction,
    },
    /// A migration has finished.
    Finished {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// What was done with it.
        direction: Direction,
        /// How long it took, including the wait for the lock.
        duration: Duration,
        /// Whether another run had applied it first, so that this one did nothing.
        by_another_run: bool,
    },
    /// A migration failed. The error is in the report.
    Failed {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// What was done with it.
        direction: Direction,
    },
    /// A migration failed with an error that migrations of other plugins can cause that ran at the same time. It is
    /// applied again, once, when nothing else runs.
    Postponed {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// Why it failed.
        error: &'a MigrateError,
    },
    /// PostgreSQL sent a notice while a migration ran.
    Notice {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// The notice.
        notice: &'a PostgresNotice,
    },
    /// An earlier attempt of a migration without a transaction left invalid indexes. It is run again nevertheless.
    InvalidIndexes {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// The indexes, as they are written in SQL.
        indexes: &'a [String],
    },
    /// A migration waits for a lock of PostgreSQL's.
    Blocked {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// What it waits for.
        wait: &'a LockWait,
    },
    /// A migration did not get a lock of PostgreSQL's in time and was rolled back. It is tried again after a pause, in
    /// which others get the lock that waited behind it.
    LockTimedOut {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// The number of the next try.
        next_try: u32,
        /// The number of tries.
        tries: u32,
    },
    /// The run waits for a lock that another run holds.
    Waiting {
        /// The locked plugin, or `None` for the lock for creating schemas.
        plugin: Option<PluginId>,
        /// The session that holds the lock.
        holder: &'a LockHolder,
    },
}

impl MigrationProgress<'_> {
    /// Returns a line about what a user should see while the run lasts and that is no [`warning`](Self::warning): a notice,
    /// or what the run waits for.
    pub fn status_line(&self) -> Option<String> {
        match self {
            Self::Notice {
                plugin,
                migration,
                notice,
            } => {
                let (severity, text) = (&notice.severity, notice.text());
                Some(format!("{plugin} {migration}: {severity}: {text}"))
            }
            Self::Blocked {
                plugin,
                migration,
                wait,
            } => Some(format!("{plugin} {migration} waits for {wait}")),
            Self::LockTimedOut {
                plugin,
                migration,
                next_try,
                tries,
            } => Some(format!(
                "{plugin} {migration} was rolled back to let other sessions pass, and is tried again ({next_try} of \
                 {tries})"
            )),
            Self::Waiting { plugin, holder } => {
                let lock = match plugin {
                    Some(plugin) => format!("plugin {plugin}"),
                    None => "the creation of schemas".to_owned(),
                };
                Some(format!("waiting for the lock on {lock}, held by {holder}"))
            }
            Self::Planned { .. }
            | Self::Started { .. }
            | Self::Finished { .. }
            | Self::Failed { .. }
            | Self::Postponed { .. }
            | Self::InvalidIndexes { .. } => None,
        }
    }
}
