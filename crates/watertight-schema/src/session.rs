use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl as _, sql_query};
use serde::de::DeserializeOwned;

/// A Diesel connection to PostgreSQL, whoever makes it: `PgConnection`, or diesel-async's
/// `AsyncConnectionWrapper<AsyncPgConnection>`.
pub trait PgSession: Connection<Backend = Pg> + LoadConnection + 'static {}

impl<C> PgSession for C where C: Connection<Backend = Pg> + LoadConnection + 'static {}

/// The database's catalog cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// PostgreSQL refuses, or does not answer.
    #[error(
        "failed to read the database's catalog: {0}; check that the database answers, and try again"
    )]
    Database(#[from] diesel::result::Error),
    /// It answers something that was not asked for.
    #[error(
        "failed to understand the database's catalog: {0}; this is an error in Watertight, please report it"
    )]
    Answer(#[from] serde_json::Error),
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    document: String,
}

/// Runs a query whose only result is one JSON document. `$1`, where the query has it, is `argument`.
pub(crate) fn document<C: PgSession, T: DeserializeOwned>(
    connection: &mut C,
    query: &str,
    argument: Option<&str>,
) -> Result<T, ReadError> {
    let row: Row = match argument {
        Some(argument) => sql_query(query)
            .bind::<Text, _>(argument)
            .get_result(connection)?,
        None => sql_query(query).get_result(connection)?,
    };
    Ok(serde_json::from_str(&row.document)?)
}
