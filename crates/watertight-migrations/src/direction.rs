use std::fmt;

/// What is done with a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Its `up.sql` runs.
    Up,
    /// Its `down.sql` runs.
    Down,
    /// Its `down.sql` runs, then its `up.sql`.
    Redo,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "apply",
            Self::Down => "revert",
            Self::Redo => "redo",
        })
    }
}
