use std::error::Error;
use std::fmt;

use watertight_diagnostics::{Diagnostic, PostgresError, SourceExcerpt};
use watertight_metadata::PluginId;

use super::failure_location::FailureLocation;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureEffect {
    /// Nothing: its transaction was rolled back.
    RolledBack,
    /// This many statements stay applied, because it ran without a transaction.
    StatementsKept(usize),
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
            FailureLocation::Statement(_) => Ok(()),
            FailureLocation::Commit { file } => write!(
                f,
                " in {file}, at `COMMIT`, where deferred constraints are checked"
            ),
            FailureLocation::Unknown { file } => write!(f, ", somewhere in {file}"),
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
        let mut parts = Vec::new();
        let hint = self.source.hint();
        parts.extend(hint.map(|hint| hint.trim_end_matches('.').to_owned()));
        if self.needs_no_transaction() {
            parts.push(
                "set `run_in_transaction = false` in the migration's metadata.toml".to_owned(),
            );
        }
        if let FailureLocation::Unknown { .. } = self.location {
            parts.push(
                "no statement fails this way when run alone, so the migration may have prevented its history row from \
                 being written"
                    .to_owned(),
            );
        }
        parts.push(self.effect.hint());
        Some(parts.join("; "))
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match &self.location {
            FailureLocation::Statement(location) => Some(location.clone()),
            FailureLocation::Commit { .. } | FailureLocation::Unknown { .. } => None,
        }
    }
}

impl MigrationFailure {
    /// Diesel hides PostgreSQL's error code, so this recognizes the English message.
    fn needs_no_transaction(&self) -> bool {
        self.source
            .message()
            .contains("cannot run inside a transaction block")
    }
}

impl FailureEffect {
    fn hint(self) -> String {
        match self {
            Self::RolledBack => {
                "nothing of this migration was applied; fix the SQL and run it again".to_owned()
            }
            Self::StatementsKept(0) => {
                "none of the statements before it stays applied; fix the SQL and run it again"
                    .to_owned()
            }
            Self::StatementsKept(count) => {
                let (statements, them) = match count {
                    1 => ("the first statement stays".to_owned(), "it"),
                    count => (format!("the first {count} statements stay"), "them"),
                };
                format!(
                    "{statements} applied, because this migration runs without a transaction; undo {them} or remove {them} \
                     from the SQL, fix the rest and run it again"
                )
            }
        }
    }
}
