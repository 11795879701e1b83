//! Finding out whether a session has an open transaction.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::pg_session::{PgSession, load_bool, send};
use super::session_error::SessionError;

/// Sets a setting until the end of the transaction. If the next query still sees it, the transaction is still open.
const PROBE: &str = "SELECT pg_catalog.set_config('watertight.probe', 'open', true)";

/// A condition that is true if [`PROBE`] was sent inside a transaction that is still open.
pub(super) const IS_OPEN: &str =
    "coalesce(pg_catalog.current_setting('watertight.probe', true) = 'open', false)";

/// Returns whether a transaction is open on the session, which must not be aborted.
pub(crate) fn has_open_transaction<C: PgSession>(connection: &mut C) -> Result<bool, SessionError> {
    send(connection, PROBE)?;
    load_bool(connection, IS_OPEN)
}

/// Sends [`PROBE`] on a caller's connection, for a query that selects [`IS_OPEN`]. Returns whether it is already known
/// that the connection has an open transaction, because it is aborted.
pub(super) fn probe<C: PgSession>(connection: &mut C) -> Result<bool, DieselError> {
    // Not with `send`, which rolls back: an aborted transaction is the caller's to end. It fails every time, while a
    // connection that is closing may report one other error before it is lost.
    for _ in 0..2 {
        match connection.batch_execute(PROBE) {
            Ok(()) => return Ok(false),
            Err(error) if is_lost(&error) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(true)
}

fn is_lost(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _
        )
    )
}
