//! Trying a migration again whose statement did not get a lock within PostgreSQL's `lock_timeout`.
//!
//! While a statement waits for a lock, all sessions queue behind it that need a conflicting one, also readers. So it waits
//! for a short time only, and lets them pass before it is tried again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use watertight_diagnostics::PostgresError;

use super::message::PreparedStep;
use crate::errors::{LockWait, is_lock_timeout};
use crate::sql::mentioned_words;

pub(super) const TRIES: u32 = 10;

/// The tries of a migration.
#[derive(Default)]
pub(super) struct LockRetries {
    /// How many have failed.
    failed: u32,
    /// What the last one waited for, if known.
    pub(super) wait: Option<LockWait>,
}

impl LockRetries {
    /// Keeps what a try waits for. Returns whether that is not the same as before.
    pub(super) fn is_new(&mut self, wait: &LockWait) -> bool {
        let before = self.wait.replace(wait.clone());
        before.is_none_or(|before| !before.is_same(wait))
    }

    /// Counts a try that has failed. Returns the number of the next one and how long to pause before it, unless it was the
    /// last one.
    pub(super) fn next(&mut self, timeout: Duration) -> Option<(u32, Duration)> {
        self.failed += 1;
        if self.failed == TRIES {
            return None;
        }
        let longest = timeout * self.failed / TRIES;
        // Between the half and the whole, so that runs that wait for each other do not keep in step.
        let random = RandomState::new().hash_one(self.failed) % 1000;
        let random = u32::try_from(random).unwrap_or_default();
        Some((self.failed + 1, longest / 2 + longest * random / 2000))
    }
}

/// Returns whether a statement was cancelled by a `lock_timeout` that the migration does not set itself: that one is
/// final, as is a `NOWAIT`.
pub(super) fn may_retry(prepared: &PreparedStep<'_>, error: &PostgresError) -> bool {
    let decides_itself = |sql: &str| {
        let words = mentioned_words(sql);
        ["lock_timeout", "nowait"]
            .iter()
            .any(|word| words.contains(*word))
    };
    let mut scripts = prepared.scripts.iter();
    is_lock_timeout(error) && !scripts.any(|script| decides_itself(&script.sql))
}
