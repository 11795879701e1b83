use std::num::NonZeroUsize;
use std::time::Duration;

use super::interrupt::Interrupt;
use crate::report::MigrationProgress;

/// The options of a [`Migrator`](crate::Migrator).
pub(crate) struct Options {
    /// How long to wait for a lock.
    pub(crate) lock_timeout: Duration,
    /// The maximum number of connections of a run that opens them itself.
    pub(crate) jobs: NonZeroUsize,
    pub(crate) interrupt: Interrupt,
    pub(crate) progress: Box<dyn Fn(&MigrationProgress<'_>) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Longer than nearly every migration, and shorter than most readiness deadlines of a server, so that the
            // error is seen.
            lock_timeout: Duration::from_mins(1),
            jobs: NonZeroUsize::new(4).unwrap(),
            interrupt: Interrupt::new(),
            progress: Box::new(|_| ()),
        }
    }
}
