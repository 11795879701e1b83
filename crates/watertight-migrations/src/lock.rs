use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Text};
use sha2::{Digest, Sha256};
use watertight_metadata::PluginId;

use crate::options::Options;
use crate::progress::Progress;
use crate::session::{Fault, PgSession, Stop, load};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// An advisory lock of PostgreSQL. It is only ever tried for, never waited for inside PostgreSQL: a waiter there
/// holds a snapshot, and `CREATE INDEX CONCURRENTLY` in the lock's holder waits for snapshots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    pub(crate) key: i64,
    plugin: Option<PluginId>,
}

impl Lock {
    /// The lock that a plugin's history is changed under.
    pub(crate) fn of(plugin: PluginId) -> Self {
        Self {
            key: key(plugin.schema_name()),
            plugin: Some(plugin),
        }
    }

    /// The lock that schemas and histories are created under, for all plugins.
    pub(crate) fn provisioning() -> Self {
        Self {
            key: key("*"),
            plugin: None,
        }
    }

    /// Makes the attempt again and again while it stops because somebody else holds the lock.
    pub(crate) fn wait<C: PgSession, T>(
        &self,
        connection: &mut C,
        options: &Options,
        mut attempt: impl FnMut(&mut C) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut attempt = |connection: &mut C| match attempt(connection) {
            Err(Fault::Stopped(Stop::LockHeld)) => Ok(None),
            outcome => outcome.map(Some),
        };
        let deadline = Instant::now() + options.lock_timeout;
        let mut pause = FIRST_PAUSE;
        let mut told = None;
        loop {
            if let Some(outcome) = attempt(connection)? {
                return Ok(outcome);
            }
            while let Some(holder) = self.holder(connection)? {
                if Instant::now() >= deadline {
                    return Err(Fault::LockTimeout(Some(holder)));
                }
                if told.as_ref() != Some(&holder) {
                    (options.progress)(&Progress::Waiting {
                        plugin: self.plugin,
                        holder: &holder,
                    });
                    told = Some(holder);
                }
                thread::sleep(pause);
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
            if Instant::now() >= deadline {
                return Err(Fault::LockTimeout(told));
            }
        }
    }

    fn holder<C: PgSession>(&self, connection: &mut C) -> Result<Option<Holder>, Fault> {
        let holders = load(
            connection,
            &format!(
                "SELECT held.pid, coalesce(activity.application_name, '') AS application_name \
                 FROM pg_catalog.pg_locks AS held \
                 LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = held.pid \
                 WHERE {} LIMIT 1",
                self.is_held("held")
            ),
        )?;
        Ok(holders.into_iter().next())
    }

    /// SQL that is true when this session's transaction still has the lock that it began with.
    pub(crate) fn is_mine(&self) -> String {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_locks AS held WHERE held.pid = pg_catalog.pg_backend_pid() AND {})",
            self.is_held("held")
        )
    }

    /// A row of `pg_locks` is this lock. A 64-bit key is kept in two halves.
    fn is_held(&self, held: &str) -> String {
        let key = self.key.cast_unsigned();
        let (high, low) = (key >> 32, key & u64::from(u32::MAX));
        format!(
            "{held}.locktype = 'advisory' AND {held}.granted AND {held}.objsubid = 1 \
             AND {held}.classid = {high}::bigint::oid AND {held}.objid = {low}::bigint::oid \
             AND {held}.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = \
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

/// The session that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct Holder {
    /// The process id of its server process, for `pg_terminate_backend` and `pg_stat_activity`.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// What it calls itself; empty when it does not.
    #[diesel(sql_type = Text)]
    pub application_name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.application_name.is_empty() {
            write!(f, " ({})", self.application_name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_has_a_lock_of_its_own_that_stays_the_same() {
        let key = |id| Lock::of(PluginId::new(id)).key;
        assert_eq!(key("catalog"), -1_930_128_976_923_180_990);
        assert_ne!(key("catalog"), key("auth"));
    }
}
