use std::error::Error;
use std::fmt;

use watertight_diagnostics::{Diagnostic, PostgresError, SourceExcerpt};
use watertight_metadata::PluginId;

use super::failure_location::FailureLocation;
use super::lock_wait::LockWait;
use crate::direction::Direction;

/// A migration that did not get a lock within PostgreSQL's `lock_timeout`, in any of its tries.
#[derive(Debug)]
pub struct NoLock {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// What was to be done with it.
    pub direction: Direction,
    /// The statement that needs the lock.
    pub location: FailureLocation,
    /// How often it was tried.
    pub tries: u32,
    /// What it waited for, if known.
    pub wait: Option<LockWait>,
    /// PostgreSQL's error.
    pub source: PostgresError,
}

impl fmt::Display for NoLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            migration,
            direction,
            tries,
            ..
        } = self;
        write!(
            f,
            "failed to {direction} migration {migration} of plugin `{plugin}`: in {tries} tries, it waited too long for "
        )?;
        match &self.wait {
            Some(wait) => write!(f, "{wait}"),
            None => f.write_str("a lock of another session"),
        }
    }
}

impl Error for NoLock {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Diagnostic for NoLock {
    fn hint(&self) -> Option<String> {
        let holders = self.wait.iter().flat_map(|wait| &wait.holders);
        let pids = holders.map(|holder| holder.pid).filter(|pid| *pid != 0);
        let ends: Vec<_> = pids
            .map(|pid| format!("`SELECT pg_terminate_backend({pid})`"))
            .collect();
        let end = if ends.is_empty() {
            "run it again when the other session has ended".to_owned()
        } else {
            format!(
                "end what it waits for with {} and run it again",
                ends.join(" and ")
            )
        };
        Some(format!(
            "nothing of this migration was applied; {end}, or let it wait longer with `SET LOCAL lock_timeout = '1min'` at \
             its beginning"
        ))
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match &self.location {
            FailureLocation::Statement(location) => Some(location.clone()),
            _ => None,
        }
    }
}
