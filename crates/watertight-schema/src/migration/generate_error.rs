use std::fmt::Display;

use watertight_diagnostics::{Diagnostic, PostgresError};

use crate::{
    CatalogDifference, CatalogError, DiffError, RenameAnswerError, RenameQuestion, SchemaChange,
};

/// Why no migration was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The database cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The tables cannot be changed to match `schema.rs`.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// A rename or a drop that was given is not possible.
    #[error(transparent)]
    Answer(#[from] RenameAnswerError),
    /// Tables or columns may have been renamed, and the answers do not state it.
    #[error("failed to distinguish renamed from dropped names: {}", join(.0, "; "))]
    Questions(Vec<RenameQuestion>),
    /// PostgreSQL rejected the SQL.
    #[error("failed to verify the generated migration: PostgreSQL rejected its {file}")]
    Rejected {
        /// `up.sql` or `down.sql`.
        file: &'static str,
        /// The contents of the file.
        sql: String,
        /// PostgreSQL's error.
        source: PostgresError,
    },
    /// After `up.sql`, the tables differ from `schema.rs`.
    #[error(
        "failed to verify the generated migration: after its up.sql, the tables still differ from schema.rs, which needs: \
         {}", join(.0, ", ")
    )]
    NotAsSchema(Vec<SchemaChange>),
    /// `down.sql`, or a second run of `up.sql`, did not restore what was there before.
    #[error(
        "failed to verify the generated migration: its {file} does not restore the previous state:\n  {}",
        join(.differences, "\n  ")
    )]
    NotRestored {
        /// `down.sql`, or `up.sql` if its second run has another result than the first.
        file: &'static str,
        /// The differences.
        differences: Vec<CatalogDifference>,
    },
}

impl Diagnostic for GenerateError {
    fn hint(&self) -> Option<String> {
        let by_hand = "write this migration by hand (`cargo xtask new-migration`)";
        match self {
            Self::Catalog(error) => error.hint(),
            Self::Diff(error) => error.hint(),
            Self::Answer(error) => error.hint(),
            Self::Questions(_) => {
                Some("state for each whether it was renamed or dropped".to_owned())
            }
            Self::Rejected { sql, source, .. } => {
                let advice = match source.hint() {
                    Some(hint) => format!("{}; or {by_hand}", hint.trim_end_matches('.')),
                    None => by_hand.to_owned(),
                };
                Some(format!("{advice}, starting from this SQL:\n\n{sql}"))
            }
            Self::NotAsSchema(_) | Self::NotRestored { .. } => Some(by_hand.to_owned()),
        }
    }
}

fn join(items: &[impl Display], separator: &str) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(separator)
}
