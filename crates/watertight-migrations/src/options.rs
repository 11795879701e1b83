use std::time::Duration;

use crate::progress::Progress;

/// How to run, whatever is run.
pub(crate) struct Options {
    /// How long to wait for one lock.
    pub(crate) lock_timeout: Duration,
    pub(crate) progress: Box<dyn Fn(&Progress<'_>) + Send + Sync>,
}

impl Default for Options {
    /// A minute is longer than nearly every migration takes, and shorter than what starts a server usually waits
    /// for it to be ready, so that the error is seen.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_mins(1),
            progress: Box::new(|_| ()),
        }
    }
}
