use std::fmt;

use serde::Deserialize;

/// The session that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LockHolder {
    /// The process id of its server process, for `pg_terminate_backend` and `pg_stat_activity`, or 0 if a prepared
    /// transaction holds the lock.
    pub pid: i32,
    /// Its `application_name`, or what kind of process of PostgreSQL's own it is. May be empty.
    pub application_name: String,
    /// Its state, such as `idle in transaction`. `None` if the role has no right to see it.
    pub state: Option<String>,
    /// Since when it is in this state, such as `2026-01-02 14:03:12 UTC`. For an active session, that is when its query
    /// started.
    pub since: Option<String>,
}

impl LockHolder {
    /// What to select from `pg_stat_activity AS activity`, besides the process id.
    pub(crate) const COLUMNS: &str = "coalesce(nullif(activity.application_name, ''), \
         nullif(activity.backend_type, 'client backend'), '') AS application_name, activity.state, \
         pg_catalog.to_char(activity.state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') AS since";
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("a prepared transaction");
        }
        write!(f, "process {}", self.pid)?;
        let state = match (&self.state, &self.since) {
            (Some(state), Some(since)) => format!("{state} since {since}"),
            (state, _) => state.clone().unwrap_or_default(),
        };
        let known = [self.application_name.clone(), state];
        let known: Vec<_> = known.into_iter().filter(|it| !it.is_empty()).collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        Ok(())
    }
}
