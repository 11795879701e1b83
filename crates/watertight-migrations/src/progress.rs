use std::fmt;
use std::time::Duration;

use watertight_metadata::PluginId;

use crate::lock::Holder;

/// Which way a migration goes.
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
            Self::Up => "run",
            Self::Down => "revert",
            Self::Redo => "redo",
        })
    }
}

/// What happens while migrations run, told as it happens. With several connections it comes from several threads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The state of the database is read.
    Planned {
        /// How many migrations will run if none fails.
        migrations: usize,
    },
    /// A migration begins.
    Started {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// Which way it goes.
        direction: Direction,
    },
    /// A migration is done.
    Finished {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// Which way it went.
        direction: Direction,
        /// How long it took, with the wait for the lock.
        duration: Duration,
        /// Another run had applied it first, so this one did nothing.
        by_another_run: bool,
    },
    /// A migration failed; the report has the error.
    Failed {
        /// Its plugin.
        plugin: PluginId,
        /// Its name.
        migration: &'a str,
        /// Which way it went.
        direction: Direction,
    },
    /// Somebody else holds a lock.
    Waiting {
        /// The plugin that is locked, or nothing when it is the lock for creating schemas.
        plugin: Option<PluginId>,
        /// Who holds it.
        holder: &'a Holder,
    },
}
