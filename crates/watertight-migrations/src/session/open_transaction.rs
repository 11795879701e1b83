//! Finding out whether a session has an open transaction.

use super::messages::{Session, load_bool, send};
use super::session_error::SessionError;

/// Sets a setting until the end of the transaction. If the next query still sees it, the transaction is still open.
pub(super) const PROBE: &str = "SELECT pg_catalog.set_config('watertight.probe', 'open', true)";

/// A condition that is true if [`PROBE`] was sent inside a transaction that is still open.
pub(super) const IS_OPEN: &str =
    "coalesce(pg_catalog.current_setting('watertight.probe', true) = 'open', false)";

/// Returns whether a transaction is open on the session, which must not be aborted.
pub(crate) fn has_open_transaction<S: Session>(session: &mut S) -> Result<bool, SessionError> {
    send(session, PROBE)?;
    load_bool(session, IS_OPEN)
}
