use super::advisory_lock::Lock;
use super::messages::{Session, load_bool};
use super::options::Options;
use super::session_error::{SessionError, StopReason};

/// A [`Lock`] that the session holds instead of a transaction.
pub(crate) struct SessionLock(pub(crate) Lock);

impl SessionLock {
    pub(crate) fn acquire<S: Session>(
        &self,
        session: &mut S,
        options: &Options,
    ) -> Result<(), SessionError> {
        let try_lock = format!("pg_catalog.pg_try_advisory_lock({})", self.0.key);
        self.0.retry_while_held(session, options, |session| {
            if load_bool(session, &try_lock)? {
                Ok(())
            } else {
                Err(SessionError::Stopped(StopReason::LockHeld))
            }
        })
    }

    /// # Errors
    ///
    /// Also when the session does not hold the lock: the migration released it, or a pooler has moved this client to
    /// another session.
    pub(crate) fn release<S: Session>(&self, session: &mut S) -> Result<(), SessionError> {
        let unlock = format!("pg_catalog.pg_advisory_unlock({})", self.0.key);
        if load_bool(session, &unlock)? {
            Ok(())
        } else {
            Err(SessionError::Stopped(StopReason::LockLost))
        }
    }
}
