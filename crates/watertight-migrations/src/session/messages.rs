use std::time::Duration;

use serde::de::DeserializeOwned;
use watertight_connection::ConnectError;
use watertight_diagnostics::PostgresError;

use super::pg_session::PgSession;
use super::pooler::Pooler;
use super::session_error::{SessionError, StopReason};
use crate::errors::{LockWait, MigrateError};
use crate::report::PostgresNotice;

/// The SQLSTATE of a cancelled statement.
const QUERY_CANCELED: &str = "57014";

/// What happens while messages run.
pub(crate) enum MessageEvent {
    /// One more statement is complete.
    Completed,
    /// A message has ended without an error.
    Ended,
    /// PostgreSQL sent a notice.
    Notice(PostgresNotice),
    /// The session has waited for a lock for some time.
    Waits(LockWait),
}

/// How the settings with which a session began become known.
pub(crate) enum SettingsSource {
    /// They are read.
    Query,
    /// PostgreSQL knows them, because the connection is the runner's own.
    NewConnection,
    Pooler(Pooler),
}

/// A session of PostgreSQL that takes SQL as messages of the simple query protocol.
///
/// A Diesel connection reports neither completed statements nor notices; a connection that speaks the protocol reports
/// both.
pub(crate) trait Session {
    /// The connection that a Rust migration gets.
    type Diesel: PgSession;

    /// Whether [`MessageEvent::Completed`] is reported.
    const REPORTS_COMPLETIONS: bool;

    /// Sends messages and waits until they have ended. An error does not end the transaction that a message left open.
    ///
    /// May send a message before the one before it has ended. Returns the error of the first one that failed; those
    /// after it have ended too, or were not sent.
    fn send_raw(
        &mut self,
        messages: &[&str],
        watch: &mut dyn FnMut(MessageEvent),
    ) -> Result<(), PostgresError>;

    /// Says how soon a wait for a lock must be reported to be known when it ends.
    fn report_waits_within(&mut self, _time: Duration) {}

    /// Returns the column `row` of a query.
    fn texts(&mut self, sql: &str) -> Result<Vec<String>, PostgresError>;

    /// Opens the session again if it was closed while it was idle.
    fn reopen_if_closed(&mut self) -> Result<(), MigrateError> {
        Ok(())
    }

    /// Returns whether the caller has a transaction open on the session.
    fn has_callers_transaction(&mut self) -> Result<bool, SessionError>;

    /// Returns whether the run was interrupted, so that PostgreSQL was told to cancel what ran on the session.
    fn is_interrupted(&self) -> bool;

    /// Sets whether what is sent is cancelled when the run is interrupted, as it is at first.
    fn set_cancellable(&mut self, cancellable: bool);

    /// Opens a new connection after the last one was lost, and ends what is left of the lost one. Returns whether nothing
    /// is left: neither its session, nor another one for which the condition `is_held` is true.
    fn reopen(&mut self, is_held: &str) -> bool;

    /// Returns how the settings to restore after a migration become known.
    fn settings_source(&self) -> SettingsSource {
        SettingsSource::Query
    }

    /// Returns PL/pgSQL that removes what earlier migrations left on the session: settings and temporary objects. Empty if
    /// they may be a caller's or of other clients of a pooler.
    fn clean_up(&self) -> String {
        String::new()
    }

    /// Returns whether a pooler may give each transaction another session.
    fn is_pooled(&self) -> bool {
        false
    }

    /// Returns whether locks and settings of the session outlive a transaction.
    fn has_own_session(&mut self) -> Result<bool, ConnectError> {
        Ok(true)
    }

    /// Calls `work` with a Diesel connection to the same database.
    fn with_diesel<T>(
        &mut self,
        work: impl FnOnce(&mut Self::Diesel) -> T,
    ) -> Result<T, SessionError>;
}

/// Sends a message that returns no rows.
pub(crate) fn send<S: Session>(session: &mut S, sql: &str) -> Result<(), SessionError> {
    send_watched(session, sql, &mut |_| ())
}

/// As [`send`], and reports what happens meanwhile.
pub(crate) fn send_watched<S: Session>(
    session: &mut S,
    sql: &str,
    watch: &mut dyn FnMut(MessageEvent),
) -> Result<(), SessionError> {
    let sent = session.send_raw(&[sql], watch);
    sent.map_err(|error| after_failure(session, error))
}

/// Runs a query outside of any transaction.
pub(crate) fn load<S: Session, Row: DeserializeOwned>(
    session: &mut S,
    sql: &str,
) -> Result<Vec<Row>, SessionError> {
    let loaded = session.texts(&as_json(sql));
    let texts = loaded.map_err(|error| after_failure(session, error))?;
    texts.iter().map(|text| parse(text)).collect()
}

/// Runs a query inside a transaction, which the caller ends.
pub(crate) fn load_in_transaction<S: Session, Row: DeserializeOwned>(
    session: &mut S,
    sql: &str,
) -> Result<Vec<Row>, SessionError> {
    let texts = session.texts(&as_json(sql));
    let texts = texts.map_err(SessionError::Database)?;
    texts.iter().map(|text| parse(text)).collect()
}

/// Evaluates a condition outside of any transaction.
pub(crate) fn load_bool<S: Session>(
    session: &mut S,
    condition: &str,
) -> Result<bool, SessionError> {
    #[derive(serde::Deserialize)]
    struct Row {
        value: bool,
    }
    let rows: Vec<Row> = load(session, &format!("SELECT {condition} AS value"))?;
    Ok(rows.first().is_some_and(|row| row.value))
}

/// Returns a query with each row of `sql` as JSON: the protocol's simple queries return strings, and Diesel's need to
/// know the types.
fn as_json(sql: &str) -> String {
    format!("SELECT pg_catalog.to_json(loaded)::pg_catalog.text AS row FROM ({sql}) AS loaded")
}

fn parse<Row: DeserializeOwned>(text: &str) -> Result<Row, SessionError> {
    serde_json::from_str(text).map_err(|error| {
        let error = diesel::result::Error::DeserializationError(error.into());
        SessionError::Database(error.into())
    })
}

/// Ends the transaction that a failed message may have left open.
pub(crate) fn after_failure<S: Session>(session: &mut S, error: PostgresError) -> SessionError {
    if session.send_raw(&["ROLLBACK"], &mut |_| ()).is_err() {
        return SessionError::ConnectionLost(error);
    }
    match StopReason::of(&error) {
        Some(reason) => SessionError::Stopped(reason),
        None if session.is_interrupted() && error.code() == Some(QUERY_CANCELED) => {
            SessionError::Cancelled
        }
        None => SessionError::Database(error),
    }
}
