use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl as _, sql_query};
use serde::de::DeserializeOwned;

use super::catalog_error::CatalogError;

/// Any Diesel connection to PostgreSQL, such as `PgConnection` or diesel-async's
/// `AsyncConnectionWrapper<AsyncPgConnection>`.
pub trait CatalogConnection: Connection<Backend = Pg> + LoadConnection + 'static {}

impl<C> CatalogConnection for C where C: Connection<Backend = Pg> + LoadConnection + 'static {}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    document: String,
}

/// Runs a query that returns one JSON document. `parameter` is its `$1`, if it has one.
pub(super) fn query_document<C: CatalogConnection, T: DeserializeOwned>(
    connection: &mut C,
    query: &str,
    parameter: Option<&str>,
) -> Result<T, CatalogError> {
    let row: Row = match parameter {
        Some(parameter) => sql_query(query)
            .bind::<Text, _>(parameter)
            .get_result(connection)?,
        None => sql_query(query).get_result(connection)?,
    };
    Ok(serde_json::from_str(&row.document)?)
}
