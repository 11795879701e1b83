use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use watertight_diagnostics::PostgresError;

use super::messages::{MessageEvent, Session};
use super::open_transaction::PROBE;
use super::pg_session::PgSession;
use super::session_error::SessionError;

/// A caller's Diesel connection as a [`Session`].
pub(crate) struct DieselSession<'c, C>(pub(crate) &'c mut C);

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct TextRow {
    #[diesel(sql_type = Text)]
    row: String,
}

impl<C: PgSession> Session for DieselSession<'_, C> {
    type Diesel = C;

    const REPORTS_COMPLETIONS: bool = false;

    fn send_raw(
        &mut self,
        messages: &[&str],
        watch: &mut dyn FnMut(MessageEvent),
    ) -> Result<(), PostgresError> {
        for sql in messages {
            self.0.batch_execute(sql)?;
            watch(MessageEvent::Ended);
        }
        Ok(())
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<String>, PostgresError> {
        let rows: Vec<TextRow> = sql_query(sql).load(self.0)?;
        Ok(rows.into_iter().map(|row| row.row).collect())
    }

    /// Sends [`PROBE`], for a query that selects [`IS_OPEN`](super::open_transaction::IS_OPEN). Returns whether it is
    /// already known that a transaction is open, because it is aborted.
    fn has_callers_transaction(&mut self) -> Result<bool, SessionError> {
        // Not with `send`, which rolls back: an aborted transaction is the caller's to end. It fails every time, while a
        // connection that is closing may report one other error before it is lost.
        for _ in 0..2 {
            match self.0.batch_execute(PROBE) {
                Ok(()) => return Ok(false),
                Err(error) if is_lost(&error) => {
                    return Err(SessionError::ConnectionLost(error.into()));
                }
                Err(_) => {}
            }
        }
        Ok(true)
    }

    /// The connection is the caller's: nothing on it is cancelled.
    fn is_interrupted(&self) -> bool {
        false
    }

    fn set_cancellable(&mut self, _: bool) {}

    /// The caller has the only connection.
    fn reopen(&mut self, _: &str) -> bool {
        false
    }

    fn with_diesel<T>(&mut self, work: impl FnOnce(&mut C) -> T) -> Result<T, SessionError> {
        Ok(work(self.0))
    }
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
