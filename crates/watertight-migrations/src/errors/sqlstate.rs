//! What an error of PostgreSQL is about, by its SQLSTATE.

use watertight_diagnostics::PostgresError;

/// The SQLSTATEs of English messages, because Diesel hides most codes.
const ENGLISH: [(&str, &str); 7] = [
    ("cannot run inside a transaction block", "25001"),
    ("in a read-only transaction", "25006"),
    ("invalid transaction termination", "2D000"),
    ("deadlock detected", "40P01"),
    ("canceling statement due to lock timeout", "55P03"),
    ("canceling statement due to", "57014"),
    (
        "terminating connection due to administrator command",
        "57P01",
    ),
];

fn sqlstate(error: &PostgresError) -> Option<&str> {
    error.code().or_else(|| {
        let message = error.message();
        let known = ENGLISH.iter().find(|(text, _)| message.contains(text));
        known.map(|(_, code)| *code)
    })
}

/// Returns what to do about an error that another session, a setting or the server caused, and not the SQL.
pub(super) fn remedy(error: &PostgresError) -> Option<&'static str> {
    let remedy = match sqlstate(error)? {
        "25006" => {
            "the SQL, `default_transaction_read_only` or a standby makes the transaction read-only"
        }
        "40001" => "a concurrent transaction changed what this one had read",
        "40P01" => "it and another session waited for each other's locks",
        // With `NOWAIT`.
        "55P03" if error.message().starts_with("could not obtain lock") => {
            "another session held a lock that it needs"
        }
        "55P03" => {
            "another session held a lock that it needs for longer than `lock_timeout`, which `SET LOCAL lock_timeout` in \
             the SQL can raise"
        }
        "57014" if error.message().contains("user request") => {
            "somebody cancelled it, for example with `pg_cancel_backend`"
        }
        "57014" => {
            "it ran for longer than `statement_timeout`, which `SET LOCAL statement_timeout` in the SQL can raise"
        }
        "57P01" => {
            "the server was shut down, or somebody ended the session with `pg_terminate_backend`"
        }
        _ => return None,
    };
    Some(remedy)
}

/// Returns whether a statement waited for a lock for longer than `lock_timeout`, or not at all with `NOWAIT`.
pub(crate) fn is_lock_timeout(error: &PostgresError) -> bool {
    sqlstate(error) == Some("55P03")
}

/// Returns whether the error is that of a command or a procedure that needs to run outside a transaction.
pub(super) fn needs_no_transaction(error: &PostgresError) -> bool {
    match sqlstate(error) {
        Some("2D000") => true,
        // A `SET TRANSACTION` after the first query has this code too.
        Some("25001") => !error.message().starts_with("SET TRANSACTION"),
        _ => false,
    }
}

/// Returns whether the error is that what is to be created exists.
pub(super) fn exists_already(error: &PostgresError) -> bool {
    const DUPLICATES: [&str; 5] = ["42P06", "42P07", "42701", "42710", "42723"];
    match error.code() {
        Some(code) => DUPLICATES.contains(&code),
        None => error.message().ends_with("already exists"),
    }
}
