use watertight_diagnostics::Diagnostic;

use super::rename_answer_error::RenameAnswerError;

/// Why no migration can change the tables to match `schema.rs`.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A rename or a drop that was given is not possible.
    #[error(transparent)]
    Answer(#[from] RenameAnswerError),
    /// A column has a type that the database does not have.
    #[error(
        "failed to compare `{table}.{column}`: the plugin's migrations do not create its type {sql_type}"
    )]
    UnknownType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type, in SQL.
        sql_type: String,
    },
    /// The table has no primary key in the database, so Diesel cannot use it.
    #[error(
        "failed to compare `{table}`: the migrations create it without a primary key, which schema.rs cannot express"
    )]
    WithoutPrimaryKey {
        /// The table.
        table: String,
    },
}

impl Diagnostic for DiffError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Answer(error) => error.hint(),
            Self::UnknownType { .. } => Some(
                "correct the type's name in schema.rs, or create the type in a migration of your own (`cargo xtask \
                 new-migration`)"
                    .to_owned(),
            ),
            Self::WithoutPrimaryKey { .. } => Some(
                "remove the table from schema.rs, or add a primary key in a migration of your own (`cargo xtask \
                 new-migration`)"
                    .to_owned(),
            ),
        }
    }
}
