use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use watertight_metadata::PluginId;

use super::messages::{Session, load};
use super::options::Options;
use super::session_error::{SessionError, StopReason};
use crate::errors::LockHolder;
use crate::report::MigrationProgress;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// How long to wait before the wait is reported. Runs that start together wait for each other all the time.
pub(super) const REPORT_AFTER: Duration = Duration::from_secs(1);

/// An advisory lock of PostgreSQL.
///
/// It is polled and never waited for inside PostgreSQL: a waiter holds a snapshot there, and `CREATE INDEX
/// CONCURRENTLY` in the session that holds the lock waits for all snapshots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    pub(crate) key: i64,
    plugin: Option<PluginId>,
}

impl Lock {
    /// Returns the lock for changing a plugin's history.
    pub(crate) fn of_plugin(plugin: PluginId) -> Self {
        Self {
            key: key(plugin.schema_name()),
            plugin: Some(plugin),
        }
    }

    /// Returns the lock for creating schemas and histories of any plugin.
    pub(crate) fn for_provisioning() -> Self {
        Self {
            key: key("*"),
            plugin: None,
        }
    }

    /// Repeats `attempt` while another session holds the lock, until the timeout.
    pub(crate) fn retry_while_held<S: Session, T>(
        &self,
        session: &mut S,
        options: &Options,
        mut attempt: impl FnMut(&mut S) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        loop {
            match attempt(session) {
                Err(SessionError::Stopped(StopReason::LockHeld)) => {
                    self.wait_until_released(session, options)?;
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits until no session holds the lock, or until the timeout.
    pub(crate) fn wait_until_released<S: Session>(
        &self,
        session: &mut S,
        options: &Options,
    ) -> Result<(), SessionError> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut reported = None;
        while let Some(holder) = self.holder(session)? {
            if options.interrupt.is_stopped() {
                return Err(SessionError::Interrupted);
            }
            let waited = start.elapsed();
            if let Some(timeout) = options.lock_timeout.filter(|timeout| waited >= *timeout) {
                return Err(SessionError::LockTimeout {
                    waited: timeout,
                    holder,
                });
            }
            if waited >= REPORT_AFTER && reported != Some(holder.pid) {
                (options.progress)(&MigrationProgress::Waiting {
                    plugin: self.plugin,
                    holder: &holder,
                });
                reported = Some(holder.pid);
            }
            thread::sleep(pause);
            pause = (pause * 3 / 2).min(MAX_PAUSE);
        }
        Ok(())
    }

    fn holder<S: Session>(&self, session: &mut S) -> Result<Option<LockHolder>, SessionError> {
        let holders = load(
            session,
            &format!(
                "SELECT held.pid, {} FROM pg_catalog.pg_locks AS held \
                 LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = held.pid \
                 WHERE {} LIMIT 1",
                LockHolder::COLUMNS,
                self.is_row("held")
            ),
        )?;
        Ok(holders.into_iter().next())
    }

    /// Returns a condition that is true if this session holds the lock.
    pub(crate) fn is_held_here(&self) -> String {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_locks AS held WHERE held.pid = pg_catalog.pg_backend_pid() AND {})",
            self.is_row("held")
        )
    }

    /// Returns a condition that is true if another session holds the lock.
    pub(crate) fn is_held_elsewhere(&self) -> String {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_locks AS held WHERE held.pid <> pg_catalog.pg_backend_pid() AND {})",
            self.is_row("held")
        )
    }

    /// Returns a condition that is true if this row of `pg_locks` is a granted lock with this key, which PostgreSQL
    /// shows in two halves.
    fn is_row(&self, row: &str) -> String {
        let key = self.key.cast_unsigned();
        let (high, low) = (key >> 32, key & u64::from(u32::MAX));
        format!(
            "{row}.locktype = 'advisory' AND {row}.granted AND {row}.objsubid = 1 \
             AND {row}.classid = {high}::bigint::oid AND {row}.objid = {low}::bigint::oid \
             AND {row}.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = \
             pg_catalog.current_database())"
        )
    }
}

fn key(name: &str) -> i64 {
    let digest = Sha256::digest(format!("watertight migrations {name}").as_bytes());
    let mut key = [0; 8];
    key.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_has_its_own_lock_and_the_key_never_changes() {
        let key = |id| Lock::of_plugin(PluginId::new(id)).key;
        assert_eq!(key("catalog"), -1_930_128_976_923_180_990);
        assert_ne!(key("catalog"), key("auth"));
    }
}
