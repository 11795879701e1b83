use diesel::connection::LoadConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel::sql_types::Bool;
use diesel::{Connection, RunQueryDsl, sql_query};

use super::session_error::{SessionError, StopReason};

/// A Diesel connection to PostgreSQL, such as `PgConnection` or diesel-async's
/// `AsyncConnectionWrapper<AsyncPgConnection>`.
pub trait PgSession: Connection<Backend = Pg> + LoadConnection + 'static {}

impl<C> PgSession for C where C: Connection<Backend = Pg> + LoadConnection + 'static {}

/// Sends a message that returns no rows.
pub(crate) fn send<C: PgSession>(connection: &mut C, sql: &str) -> Result<(), SessionError> {
    let sent = connection.batch_execute(sql);
    sent.map_err(|error| after_failure(connection, error))
}

/// Runs a query outside of any transaction.
pub(super) fn load<C: PgSession, Row>(
    connection: &mut C,
    sql: &str,
) -> Result<Vec<Row>, SessionError>
where
    Row: QueryableByName<Pg> + 'static,
{
    let loaded = sql_query(sql).load(connection);
    loaded.map_err(|error| after_failure(connection, error))
}

/// Evaluates a condition outside of any transaction.
pub(super) fn load_bool<C: PgSession>(
    connection: &mut C,
    condition: &str,
) -> Result<bool, SessionError> {
    #[derive(QueryableByName)]
    #[diesel(check_for_backend(Pg))]
    struct Row {
        #[diesel(sql_type = Bool)]
        value: bool,
    }
    let rows: Vec<Row> = load(connection, &format!("SELECT {condition} AS value"))?;
    Ok(rows.first().is_some_and(|row| row.value))
}

/// Ends the transaction that a failed message may have left open. Diesel's transaction manager did not open it and does
/// not know about it.
fn after_failure<C: PgSession>(connection: &mut C, error: DieselError) -> SessionError {
    if connection.batch_execute("ROLLBACK").is_err() {
        return SessionError::ConnectionLost(error);
    }
    match StopReason::of(&error) {
        Some(reason) => SessionError::Stopped(reason),
        None => SessionError::Database(error),
    }
}
