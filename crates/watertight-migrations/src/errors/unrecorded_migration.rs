use std::error::Error;
use std::fmt;

use watertight_diagnostics::{Diagnostic, PostgresError};
use watertight_metadata::PluginId;

use super::{invalid_indexes, sqlstate};
use crate::direction::Direction;

/// A migration without a transaction whose SQL ran without an error and stays applied, but which is not recorded.
#[derive(Debug)]
pub struct UnrecordedMigration {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// The migration's version.
    pub version: String,
    /// What was done with it.
    pub direction: Direction,
    /// Why it is not recorded.
    pub reason: UnrecordedReason,
}

/// Why a migration is not recorded although its SQL ran.
#[derive(Debug)]
pub enum UnrecordedReason {
    /// Its history row could not be written.
    History(PostgresError),
    /// The settings that it changed could not be restored.
    RestoreSettings(PostgresError),
    /// The session no longer held the plugin's lock, so another run may have run it at the same time.
    LockLost,
    /// Indexes that it names are invalid, as they are written in SQL.
    InvalidIndexes(Vec<String>),
}

impl fmt::Display for UnrecordedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            migration,
            direction,
            ..
        } = self;
        write!(
            f,
            "failed to {direction} migration {migration} of plugin `{plugin}`: its SQL ran and what it did stays, but "
        )?;
        match &self.reason {
            UnrecordedReason::History(_) => f.write_str("its history row could not be written"),
            UnrecordedReason::RestoreSettings(_) => f.write_str(
                "the settings that it changed could not be restored, so it is not recorded",
            ),
            UnrecordedReason::LockLost => {
                f.write_str("its session no longer holds the plugin's lock, so it is not recorded")
            }
            UnrecordedReason::InvalidIndexes(indexes) => {
                let is = if indexes.len() == 1 { "is" } else { "are" };
                let indexes = invalid_indexes::named(indexes);
                write!(f, "the {indexes} {is} invalid, so it is not recorded")
            }
        }
    }
}

impl Error for UnrecordedMigration {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            UnrecordedReason::History(source) | UnrecordedReason::RestoreSettings(source) => {
                Some(source)
            }
            UnrecordedReason::LockLost | UnrecordedReason::InvalidIndexes(_) => None,
        }
    }
}

impl Diagnostic for UnrecordedMigration {
    fn hint(&self) -> Option<String> {
        let mark = self.mark();
        Some(match &self.reason {
            UnrecordedReason::History(source) | UnrecordedReason::RestoreSettings(source) => {
                let remedy = sqlstate::remedy(source).map(str::to_owned);
                let cause = remedy.or_else(|| source.hint());
                let cause = cause.map_or_else(String::new, |cause| {
                    format!("{}; ", cause.trim_end_matches('.'))
                });
                format!(
                    "{cause}correct this, and record it with {mark} instead of running it again"
                )
            }
            UnrecordedReason::LockLost => format!(
                "remove what releases the lock from the SQL, or connect without a pooler in transaction mode; if no other run \
                 was in progress, record it with {mark}"
            ),
            UnrecordedReason::InvalidIndexes(indexes) => format!(
                "an attempt that failed or was interrupted left what `IF NOT EXISTS` keeps; run {}, and run the migration again",
                invalid_indexes::drop(indexes)
            ),
        })
    }
}

impl UnrecordedMigration {
    /// Returns the command that records what was done.
    fn mark(&self) -> String {
        let state = match self.direction {
            Direction::Up | Direction::Redo => "applied",
            Direction::Down => "pending",
        };
        format!(
            "`cargo xtask migrate mark --{state} {}/{}`",
            self.plugin, self.version
        )
    }
}
