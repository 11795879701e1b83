use std::error::Error;
use std::fmt;

use watertight_diagnostics::{Diagnostic, PostgresError, SourceExcerpt};
use watertight_metadata::PluginId;

use super::failure_location::FailureLocation;
use super::{invalid_indexes, sqlstate};
use crate::direction::Direction;

/// A statement of a migration that PostgreSQL refused.
#[derive(Debug)]
pub struct MigrationFailure {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// What was done with it.
    pub direction: Direction,
    /// Where it failed.
    pub location: FailureLocation,
    /// PostgreSQL's error.
    pub source: PostgresError,
    /// What it changed nevertheless.
    pub effect: FailureEffect,
}

/// What a failed migration has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureEffect {
    /// Nothing: its transaction was rolled back.
    RolledBack,
    /// It ran without a transaction.
    StatementsKept {
        /// This many statements stay applied.
        count: usize,
        /// The invalid indexes that it or an earlier attempt left, as they are written in SQL.
        invalid_indexes: Vec<String>,
    },
}

impl fmt::Display for MigrationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            migration,
            direction,
            ..
        } = self;
        write!(
            f,
            "failed to {direction} migration {migration} of plugin `{plugin}`"
        )?;
        match &self.location {
            FailureLocation::Begin => f.write_str(", before its SQL"),
            FailureLocation::Statement(_) => Ok(()),
            FailureLocation::RestoreSettings => {
                f.write_str(": its SQL ran, the settings that it changed could not be restored")
            }
            FailureLocation::History => {
                f.write_str(": its SQL ran, its history row could not be written")
            }
            FailureLocation::Commit { file } => write!(
                f,
                " in {file}, at `COMMIT`, where deferred constraints are checked"
            ),
        }
    }
}

impl Error for MigrationFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Diagnostic for MigrationFailure {
    fn hint(&self) -> Option<String> {
        let source = &self.source;
        let mut parts = Vec::new();
        let hint = source.hint();
        parts.extend(hint.map(|hint| hint.trim_end_matches('.').to_owned()));
        let remedy = sqlstate::remedy(source);
        parts.extend(remedy.map(str::to_owned));
        match &self.effect {
            FailureEffect::RolledBack => {
                if sqlstate::needs_no_transaction(source) {
                    parts.push(
                        "set `run_in_transaction = false` in the migration's metadata.toml"
                            .to_owned(),
                    );
                }
                parts.push("nothing of this migration was applied".to_owned());
                parts.push(self.location.next(remedy.is_some()).to_owned());
            }
            FailureEffect::StatementsKept {
                count,
                invalid_indexes,
            } => {
                if !invalid_indexes.is_empty() {
                    parts.push(invalid_indexes::left(invalid_indexes));
                } else if sqlstate::exists_already(source) {
                    parts.push(
                        "if an interrupted attempt has created it, remove it first".to_owned(),
                    );
                }
                parts.push(statements_kept(*count, remedy.is_some()));
            }
        }
        Some(parts.join("; "))
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match &self.location {
            FailureLocation::Statement(location) => Some(location.clone()),
            _ => None,
        }
    }
}

impl FailureLocation {
    /// Returns what to do next, which is less if something other than the SQL caused the error.
    fn next(&self, has_other_cause: bool) -> &'static str {
        match self {
            _ if has_other_cause => "run it again",
            Self::Begin => "correct this and run it again",
            Self::History => "make sure that its history can be written and run it again",
            Self::Statement(_) | Self::RestoreSettings | Self::Commit { .. } => {
                "fix the SQL and run it again"
            }
        }
    }
}

fn statements_kept(count: usize, has_other_cause: bool) -> String {
    let (statements, them) = match count {
        0 => {
            let fix = if has_other_cause {
                ""
            } else {
                "fix the SQL and "
            };
            return format!("none of the statements before it stays applied; {fix}run it again");
        }
        1 => ("the first statement stays".to_owned(), "it"),
        count => (format!("the first {count} statements stay"), "them"),
    };
    let fix = if has_other_cause {
        ""
    } else {
        ", fix the rest"
    };
    format!(
        "{statements} applied, because this migration runs without a transaction; undo {them} or remove {them} from the \
         SQL{fix} and run it again"
    )
}
