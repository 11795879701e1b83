use watertight_diagnostics::Diagnostic;

/// A rename or a drop that is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameAnswerError {
    /// No table or column of that name was removed from `schema.rs`.
    #[error(
        "failed to rename or drop {name:?}: schema.rs still has it, or the migrations do not create it"
    )]
    NotRemoved {
        /// The name that was given.
        name: String,
        /// What was removed.
        removed: Vec<String>,
    },
    /// No table or column of that name is new in `schema.rs`.
    #[error("failed to rename {from:?} to {to:?}: schema.rs has nothing new of that name")]
    NotNew {
        /// The old name.
        from: String,
        /// The new name that was given.
        to: String,
        /// The names that are new.
        new: Vec<String>,
    },
}

impl Diagnostic for RenameAnswerError {
    fn hint(&self) -> Option<String> {
        let list = |names: &[String]| match names {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        Some(match self {
            Self::NotRemoved { removed, .. } => {
                format!("removed from schema.rs: {}", list(removed))
            }
            Self::NotNew { new, .. } => format!("new in schema.rs: {}", list(new)),
        })
    }
}
