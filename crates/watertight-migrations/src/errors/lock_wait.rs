use std::fmt;

use super::lock_holder::LockHolder;

/// A lock that a migration waits for inside PostgreSQL, and the sessions that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockWait {
    /// The locked relation, such as `plugin_shop.items`. `None` if it waits for another kind of lock, for example for the
    /// end of a transaction that is older than an index that is created concurrently.
    pub relation: Option<String>,
    /// The sessions that hold the lock, or that wait for it and come first. At least one.
    pub holders: Vec<LockHolder>,
}

impl LockWait {
    /// Returns whether it is the same wait, whatever the holders do meanwhile.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let pids = |wait: &Self| {
            wait.holders
                .iter()
                .map(|holder| holder.pid)
                .collect::<Vec<_>>()
        };
        self.relation == other.relation && pids(self) == pids(other)
    }
}

/// Formats what is waited for: `a lock on plugin_shop.items held by process 1 (psql)`.
impl fmt::Display for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(relation) = &self.relation {
            write!(f, "a lock on {relation} held by ")?;
        }
        let holders: Vec<_> = self.holders.iter().map(ToString::to_string).collect();
        f.write_str(&holders.join(" and "))
    }
}
