use std::collections::BTreeMap;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Nullable, Text};
use postgres_protocol::escape::escape_literal;
use watertight_metadata::PluginId;

use super::open_transaction::{IS_OPEN, probe};
use super::pg_session::{PgSession, load};
use super::session_error::SessionError;
use crate::errors::MigrateError;
use crate::sql::history_sql;

const DOING: &str = "read which migrations are applied";

/// A plugin's schema and history in the database.
#[derive(Debug, Default)]
pub(crate) struct PluginState {
    pub(crate) may_create_schema: bool,
    pub(crate) schema: Option<SchemaState>,
    /// The rows of the history by version, ordered like in Diesel.
    pub(crate) applied: BTreeMap<String, AppliedRow>,
}

/// A schema that exists.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct SchemaState {
    pub(crate) may_create_table: bool,
    pub(crate) has_history: bool,
    /// Whether the history has Watertight's columns.
    pub(crate) has_columns: bool,
    pub(crate) owns_history: bool,
}

#[derive(Debug)]
pub(crate) struct AppliedRow {
    pub(crate) checksum: Option<String>,
    pub(crate) name: Option<String>,
}

impl PluginState {
    pub(crate) fn has_history(&self) -> bool {
        self.schema
            .as_ref()
            .is_some_and(|schema| schema.has_history)
    }
}

/// A row for a schema. Without any of the schemas, a single row with only `in_transaction` and `may_create_schema`.
#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
#[expect(clippy::struct_excessive_bools, reason = "columns of a query")]
struct SchemaRow {
    #[diesel(sql_type = Bool)]
    in_transaction: bool,
    #[diesel(sql_type = Bool)]
    may_create_schema: bool,
    #[diesel(sql_type = Nullable<Text>)]
    schema: Option<String>,
    #[diesel(sql_type = Bool)]
    may_create_table: bool,
    #[diesel(sql_type = Bool)]
    has_history: bool,
    #[diesel(sql_type = Bool)]
    readable: bool,
    #[diesel(sql_type = Bool)]
    has_checksum: bool,
    #[diesel(sql_type = Bool)]
    has_name: bool,
    #[diesel(sql_type = Bool)]
    owns_history: bool,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct HistoryRow {
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Nullable<Text>)]
    checksum: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
}

/// Reads the state of these plugins with two queries, regardless of their number. Writes nothing.
///
/// Refuses a connection with an open transaction: Watertight's `COMMIT` would commit it.
pub(crate) fn read_states<C: PgSession>(
    connection: &mut C,
    plugins: &[PluginId],
) -> Result<Vec<PluginState>, MigrateError> {
    let failed = |error: SessionError| error.into_migrate_error(DOING, Duration::ZERO);
    let is_aborted =
        probe(connection).map_err(|error| failed(SessionError::ConnectionLost(error)))?;
    if is_aborted {
        return Err(MigrateError::OpenTransaction);
    }
    let rows: Vec<SchemaRow> = load(connection, &schemas_query(plugins)).map_err(failed)?;
    if rows.iter().any(|row| row.in_transaction) {
        return Err(MigrateError::OpenTransaction);
    }
    let row_of = |plugin: &PluginId| {
        rows.iter()
            .find(|row| row.schema.as_deref() == Some(plugin.schema_name()))
    };
    let histories: Vec<_> = plugins
        .iter()
        .filter_map(|plugin| Some((*plugin, row_of(plugin).filter(|row| row.has_history)?)))
        .collect();
    if let Some((plugin, _)) = histories.iter().find(|(_, row)| !row.readable) {
        return Err(MigrateError::NotReadable { plugin: *plugin });
    }
    let mut states: Vec<PluginState> = plugins
        .iter()
        .map(|plugin| PluginState {
            may_create_schema: rows.iter().all(|row| row.may_create_schema),
            schema: row_of(plugin).map(|row| SchemaState {
                may_create_table: row.may_create_table,
                has_history: row.has_history,
                has_columns: row.has_checksum && row.has_name,
                owns_history: row.owns_history,
            }),
            applied: BTreeMap::new(),
        })
        .collect();
    if histories.is_empty() {
        return Ok(states);
    }
    let rows: Vec<HistoryRow> = load(connection, &histories_query(&histories)).map_err(failed)?;
    for row in rows {
        let index = plugins
            .iter()
            .position(|plugin| plugin.schema_name() == row.schema);
        if let Some(index) = index {
            let applied = AppliedRow {
                checksum: row.checksum,
                name: row.name,
            };
            states[index].applied.insert(row.version, applied);
        }
    }
    Ok(states)
}

/// Reads `pg_class` instead of calling `to_regclass`, which needs rights on the schema.
fn schemas_query(plugins: &[PluginId]) -> String {
    let names: Vec<_> = plugins
        .iter()
        .map(|plugin| escape_literal(plugin.schema_name()))
        .collect();
    let column = |name| {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = '{name}' \
             AND NOT a.attisdropped)"
        )
    };
    format!(
        "SELECT {IS_OPEN} AS in_transaction, \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create_schema, \
         n.nspname::pg_catalog.text AS schema, \
         coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false) AS may_create_table, \
         c.oid IS NOT NULL AS has_history, \
         coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS readable, \
         {} AS has_checksum, {} AS has_name, \
         coalesce(pg_catalog.pg_has_role(c.relowner, 'USAGE'), false) AS owns_history \
         FROM (SELECT) AS one \
         LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = ANY (ARRAY[{}]::pg_catalog.name[]) \
         LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = '{}' \
           AND c.relkind IN ('r', 'p')",
        column("checksum"),
        column("name"),
        names.join(", "),
        history_sql::TABLE,
    )
}

fn histories_query(histories: &[(PluginId, &SchemaRow)]) -> String {
    let selects: Vec<_> = histories
        .iter()
        .map(|(plugin, row)| {
            let column = |exists, name| if exists { name } else { "NULL" };
            format!(
                "SELECT '{}' AS schema, \"version\"::pg_catalog.text AS version, {}::pg_catalog.text AS checksum, \
                 {}::pg_catalog.text AS name FROM {}",
                plugin.schema_name(),
                column(row.has_checksum, "\"checksum\""),
                column(row.has_name, "\"name\""),
                history_sql::table(*plugin),
            )
        })
        .collect();
    selects.join(" UNION ALL ")
}
