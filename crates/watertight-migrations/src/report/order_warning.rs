use std::fmt;

/// A difference between the order of migrations in the code and in the history, for which the policy is
/// [`Policy::Warn`](crate::Policy::Warn).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderWarning {
    /// The history has versions that no migration has. The run ignored them.
    Ahead {
        /// The versions.
        versions: Vec<String>,
    },
    /// A migration was applied that is older than one that was already applied.
    OutOfOrder {
        /// Its name.
        migration: String,
    },
}

impl fmt::Display for OrderWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead { versions } => write!(
                f,
                "the history is ahead of the code by {}",
                versions.join(", ")
            ),
            Self::OutOfOrder { migration } => write!(f, "{migration} was out of order"),
        }
    }
}
