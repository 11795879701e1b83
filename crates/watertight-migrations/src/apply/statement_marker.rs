//! Which part of a message was reached, on a connection that does not report completed statements.
//!
//! A shared advisory lock of the session, whose key is the part's index, survives the rollback of the transaction.
//! Shared locks never wait for each other.

use serde::Deserialize;

use crate::session::{Session, load_in_transaction};

/// The first half of the markers' keys: the letters `wtmk`.
const CLASS: i32 = 0x7774_6d6b;

/// Returns the statement that moves the marker from one part to another.
pub(super) fn set(before: Option<usize>, part: usize) -> String {
    let unlock = before.map_or_else(String::new, |before| {
        format!(", pg_catalog.pg_advisory_unlock_shared({CLASS}, {before})")
    });
    format!("SELECT pg_catalog.pg_advisory_lock_shared({CLASS}, {part}){unlock};\n")
}

/// Returns the statement that removes the marker.
pub(super) fn remove(part: usize) -> String {
    format!("SELECT pg_catalog.pg_advisory_unlock_shared({CLASS}, {part});\n")
}

/// Removes the marker of a message that failed and returns the part that it names, if there is one. Leaves a transaction
/// open.
///
/// The transaction of the message is continued by another one, because a pooler gives each transaction the same session
/// only until it ends.
pub(super) fn take<S: Session>(session: &mut S) -> Option<usize> {
    #[derive(Deserialize)]
    struct Row {
        part: usize,
    }
    let next_transaction = "ROLLBACK AND CHAIN";
    session.send_raw(&[next_transaction], &mut |_| ()).ok()?;
    let unlock =
        format!("pg_catalog.pg_advisory_unlock_shared({CLASS}, held.objid::pg_catalog.int4)");
    let held = format!(
        "FROM pg_catalog.pg_locks AS held WHERE held.pid = pg_catalog.pg_backend_pid() \
         AND held.locktype = 'advisory' AND held.objsubid = 2 AND held.classid = {CLASS}"
    );
    let query = format!(
        "SELECT held.objid::pg_catalog.int4 AS part, {unlock} AS unlocked {held} ORDER BY 1"
    );
    let rows: Result<Vec<Row>, _> = load_in_transaction(session, &query);
    if rows.is_err() {
        // A query with rows is a prepared statement, whose name another client of the pooler may have taken.
        let message = format!("{next_transaction};\nSELECT {unlock} {held}");
        let _ = session.send_raw(&[&message], &mut |_| ());
    }
    rows.ok()?.last().map(|row| row.part)
}
