use std::fmt;

use serde::Deserialize;

/// The session that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LockHolder {
    /// The process id of its server process, for `pg_terminate_backend` and `pg_stat_activity`.
    pub pid: i32,
    /// Its `application_name`, which may be empty.
    pub application_name: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.application_name.is_empty() {
            write!(f, " ({})", self.application_name)?;
        }
        Ok(())
    }
}
