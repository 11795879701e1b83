use std::time::Duration;

use clap::Args;
use watertight_migrations::Migrator;

/// How long to wait for another run.
#[derive(Args)]
pub(crate) struct LockTimeoutArguments {
    /// Give up when another run holds a lock for this long [default: wait as long as it is alive].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) lock_timeout: Option<u64>,
}

impl LockTimeoutArguments {
    /// Returns the migrator with this timeout.
    pub(crate) fn apply(&self, migrator: Migrator) -> Migrator {
        migrator.lock_timeout(self.lock_timeout.map(Duration::from_secs))
    }
}
