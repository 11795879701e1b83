use watertight_diagnostics::SourceExcerpt;

/// Where a migration failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureLocation {
    /// Before its SQL, where the transaction begins, the plugin is locked and the history is checked.
    Begin,
    /// In this statement.
    Statement(SourceExcerpt),
    /// After its SQL, where the settings that it changed are restored.
    RestoreSettings,
    /// After its SQL, where its history row is written.
    History,
    /// At `COMMIT`, where deferred constraints are checked.
    Commit {
        /// The migration's file.
        file: String,
    },
}
