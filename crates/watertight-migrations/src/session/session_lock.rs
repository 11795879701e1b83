use super::advisory_lock::Lock;
use super::options::Options;
use super::pg_session::{PgSession, load_bool, send};
use super::session_error::{SessionError, StopReason};

/// A [`Lock`] that the session holds instead of a transaction.
pub(crate) struct SessionLock(pub(crate) Lock);

impl SessionLock {
    pub(crate) fn acquire<C: PgSession>(
        &self,
        connection: &mut C,
        options: &Options,
    ) -> Result<(), SessionError> {
        let try_lock = format!("pg_catalog.pg_try_advisory_lock({})", self.0.key);
        self.0.retry_while_held(connection, options, |connection| {
            if load_bool(connection, &try_lock)? {
                Ok(())
            } else {
                Err(SessionError::Stopped(StopReason::LockHeld))
            }
        })
    }

    pub(crate) fn release<C: PgSession>(&self, connection: &mut C) -> Result<(), SessionError> {
        send(
            connection,
            &format!("SELECT pg_catalog.pg_advisory_unlock({})", self.0.key),
        )
    }
}
