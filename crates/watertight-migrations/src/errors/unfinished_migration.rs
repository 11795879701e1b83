use std::error::Error;
use std::fmt;

use watertight_diagnostics::{Diagnostic, PostgresError};
use watertight_metadata::PluginId;

use super::sqlstate;
use crate::direction::Direction;

/// A migration that did not end, because the run was interrupted or the connection was lost.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnfinishedMigration {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// What was being done with it.
    pub direction: Direction,
    /// The error of the lost connection, or `None` if the run was interrupted.
    pub connection_lost: Option<PostgresError>,
    /// What it has changed.
    pub effect: UnfinishedEffect,
}

/// What a migration that did not end has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedEffect {
    /// Nothing: it was not started.
    NotStarted,
    /// Nothing: its transaction was rolled back.
    RolledBack,
    /// Some of its statements stay applied, because it runs without a transaction. It is not recorded.
    StatementsKept {
        /// How many.
        count: usize,
        /// Whether it is unknown if the statement after them took effect.
        next_is_unknown: bool,
        /// The invalid indexes in the plugin's schema.
        invalid_indexes: Vec<String>,
    },
    /// It is unknown, because PostgreSQL does not respond.
    Unknown,
}

impl UnfinishedMigration {
    /// Returns whether only the history knows what became of it.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.connection_lost.is_some() || self.effect == UnfinishedEffect::Unknown
    }

    fn done(&self) -> &'static str {
        match self.direction {
            Direction::Up => "applied",
            Direction::Down => "reverted",
            Direction::Redo => "redone",
        }
    }
}

impl fmt::Display for UnfinishedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            migration,
            direction,
            ..
        } = self;
        let migration = format!("migration {migration} of plugin `{plugin}`");
        if self.connection_lost.is_some() {
            return write!(
                f,
                "failed to {direction} {migration}: the connection to PostgreSQL was lost"
            );
        }
        let subject = match direction {
            Direction::Up => migration.clone(),
            Direction::Down => format!("the revert of {migration}"),
            Direction::Redo => format!("the redo of {migration}"),
        };
        match &self.effect {
            UnfinishedEffect::NotStarted => write!(f, "interrupted: {subject} was not started"),
            UnfinishedEffect::RolledBack => write!(f, "interrupted: {subject} was rolled back"),
            UnfinishedEffect::StatementsKept { count, .. } => {
                write!(
                    f,
                    "interrupted: {subject} was cancelled, and {}",
                    kept(*count)
                )
            }
            UnfinishedEffect::Unknown => write!(
                f,
                "interrupted: it is unknown whether {migration} was {}, because PostgreSQL does not respond",
                self.done()
            ),
        }
    }
}

impl Error for UnfinishedMigration {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.connection_lost.as_ref().map(|error| error as _)
    }
}

impl Diagnostic for UnfinishedMigration {
    fn hint(&self) -> Option<String> {
        let next = self.next();
        Some(
            match self.connection_lost.as_ref().and_then(sqlstate::remedy) {
                Some(cause) => format!("{cause}; {next}"),
                None => next,
            },
        )
    }
}

impl UnfinishedMigration {
    fn next(&self) -> String {
        let (count, next_is_unknown, invalid_indexes) = match &self.effect {
            UnfinishedEffect::NotStarted | UnfinishedEffect::RolledBack => {
                let effect = match self.connection_lost {
                    Some(_) => format!("nothing of it was {}; ", self.done()),
                    None => String::new(),
                };
                return format!("{effect}run it again");
            }
            UnfinishedEffect::Unknown => {
                let unknown = match self.connection_lost {
                    Some(_) => format!("whether it was {} is unknown; ", self.done()),
                    None => String::new(),
                };
                return format!("{unknown}check the status when PostgreSQL is back");
            }
            UnfinishedEffect::StatementsKept {
                count,
                next_is_unknown,
                invalid_indexes,
            } => (*count, *next_is_unknown, invalid_indexes),
        };
        let mut parts = Vec::new();
        if self.connection_lost.is_some() {
            parts.push(kept(count));
        }
        if next_is_unknown {
            parts.push("the statement after that may stay applied too".to_owned());
        }
        for index in invalid_indexes {
            parts.push(format!(
                "drop the invalid index with `DROP INDEX CONCURRENTLY {index}`"
            ));
        }
        if count > 0 || next_is_unknown {
            parts.push(
                "undo what stays applied or remove it from the SQL, unless it is safe to repeat"
                    .to_owned(),
            );
        }
        parts.push("run it again".to_owned());
        parts.join("; ")
    }
}

fn kept(count: usize) -> String {
    let statements = match count {
        0 => return "none of its statements stays applied".to_owned(),
        1 => "its first statement stays".to_owned(),
        count => format!("its first {count} statements stay"),
    };
    format!("{statements} applied, because it runs without a transaction")
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    fn report(effect: UnfinishedEffect, connection_lost: Option<&str>) -> String {
        let error = UnfinishedMigration {
            plugin: PluginId::new("shop"),
            migration: "2_index".to_owned(),
            direction: Direction::Up,
            connection_lost: connection_lost.map(PostgresError::from_message),
            effect,
        };
        ErrorReport::new(&error).to_string()
    }

    fn kept(count: usize, next_is_unknown: bool, invalid_indexes: &[&str]) -> UnfinishedEffect {
        let invalid_indexes = invalid_indexes.iter().map(|name| (*name).to_owned());
        UnfinishedEffect::StatementsKept {
            count,
            next_is_unknown,
            invalid_indexes: invalid_indexes.collect(),
        }
    }

    #[test]
    fn an_interrupted_migration_says_what_it_left() {
        insta::assert_snapshot!(report(UnfinishedEffect::RolledBack, None), @r"
        error: interrupted: migration 2_index of plugin `shop` was rolled back
        hint: run it again
        ");
        insta::assert_snapshot!(report(kept(1, false, &["plugin_shop.i"]), None), @"
        error: interrupted: migration 2_index of plugin `shop` was cancelled, and its first statement stays applied, because it runs without a transaction
        hint: drop the invalid index with `DROP INDEX CONCURRENTLY plugin_shop.i`; undo what stays applied or remove it from the SQL, unless it is safe to repeat; run it again
        ");
        insta::assert_snapshot!(report(kept(0, false, &[]), None), @"
        error: interrupted: migration 2_index of plugin `shop` was cancelled, and none of its statements stays applied
        hint: run it again
        ");
        insta::assert_snapshot!(report(UnfinishedEffect::Unknown, None), @"
        error: interrupted: it is unknown whether migration 2_index of plugin `shop` was applied, because PostgreSQL does not respond
        hint: check the status when PostgreSQL is back
        ");
    }

    #[test]
    fn a_migration_whose_connection_was_lost_says_what_it_left() {
        let lost = Some("connection closed");
        insta::assert_snapshot!(report(UnfinishedEffect::RolledBack, lost), @"
        error: failed to apply migration 2_index of plugin `shop`: the connection to PostgreSQL was lost: connection closed
        hint: nothing of it was applied; run it again
        ");
        insta::assert_snapshot!(report(kept(2, true, &[]), lost), @"
        error: failed to apply migration 2_index of plugin `shop`: the connection to PostgreSQL was lost: connection closed
        hint: its first 2 statements stay applied, because it runs without a transaction; the statement after that may stay applied too; undo what stays applied or remove it from the SQL, unless it is safe to repeat; run it again
        ");
        insta::assert_snapshot!(report(UnfinishedEffect::Unknown, lost), @"
        error: failed to apply migration 2_index of plugin `shop`: the connection to PostgreSQL was lost: connection closed
        hint: whether it was applied is unknown; check the status when PostgreSQL is back
        ");
    }
}
