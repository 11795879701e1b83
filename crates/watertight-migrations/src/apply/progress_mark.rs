//! The notice with which a migration in a message begins.
//!
//! Completed statements stay in PostgreSQL's buffer until the message ends or a notice is sent. No setting of a client
//! silences an INFO.

use crate::report::PostgresNotice;

const TEXT: &str = "watertight: a migration begins";

/// The statement that sends the notice, inside a `DO` block.
pub(super) const RAISE: &str = "RAISE INFO 'watertight: a migration begins';\n";

pub(super) fn is_mark(notice: &PostgresNotice) -> bool {
    notice.message == TEXT
}
