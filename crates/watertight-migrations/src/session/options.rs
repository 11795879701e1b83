use std::num::NonZeroUsize;
use std::time::Duration;

use super::interrupt::Interrupt;
use crate::policy::Policy;
use crate::report::MigrationProgress;

/// The options of a [`Migrator`](crate::Migrator).
pub(crate) struct Options {
    /// How long to wait for each lock of another run, or `None` to wait as long as that run is alive.
    pub(crate) lock_timeout: Option<Duration>,
    /// PostgreSQL's `lock_timeout` for the statements of a migration, or `None` to leave it as it is.
    pub(crate) statement_lock_timeout: Option<Duration>,
    /// The maximum number of connections of a run that opens them itself.
    pub(crate) jobs: NonZeroUsize,
    pub(crate) ahead: Policy,
    pub(crate) out_of_order: Policy,
    pub(crate) interrupt: Interrupt,
    pub(crate) progress: Box<dyn Fn(&MigrationProgress<'_>) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lock_timeout: None,
            // So long, readers wait at most behind a migration that waits.
            statement_lock_timeout: Some(Duration::from_secs(5)),
            jobs: NonZeroUsize::new(4).unwrap(),
            ahead: Policy::default(),
            out_of_order: Policy::default(),
            interrupt: Interrupt::new(),
            progress: Box::new(|_| ()),
        }
    }
}
