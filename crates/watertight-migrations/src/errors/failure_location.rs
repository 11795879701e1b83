use watertight_diagnostics::SourceExcerpt;

/// Where a migration failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureLocation {
    /// In this statement.
    Statement(SourceExcerpt),
    /// At `COMMIT`, where deferred constraints are checked.
    Commit {
        /// The migration's file.
        file: String,
    },
    /// In a statement that could not be found: none fails this way when run alone.
    Unknown {
        /// The migration's file.
        file: String,
    },
}
