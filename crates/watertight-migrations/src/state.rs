use std::collections::BTreeMap;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Nullable, Text};
use watertight_metadata::PluginId;

use crate::history;
use crate::migrate_error::MigrateError;
use crate::session::{Fault, PgSession, load};
use crate::sql::literal;

const DOING: &str = "read which migrations are applied";

/// What the database has of one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginState {
    pub(crate) may_create_schema: bool,
    pub(crate) schema: Option<SchemaState>,
    /// The history's rows by version, in Diesel's order.
    pub(crate) applied: BTreeMap<String, AppliedRow>,
}

/// What a schema has.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is and what may be, each by itself"
)]
pub(crate) struct SchemaState {
    pub(crate) may_create_table: bool,
    pub(crate) has_history: bool,
    /// The history has our columns.
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

/// What can be seen of one schema. Nothing but `open` and `may_create_schema` when it is missing.
#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of a query, with a column for each thing to know"
)]
struct SchemaRow {
    #[diesel(sql_type = Bool)]
    open: bool,
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

/// Reads the state of these plugins with two queries, however many they are, and writes nothing.
///
/// Refuses a connection that has a transaction open: our `COMMIT` would be the caller's.
pub(crate) fn read<C: PgSession>(
    connection: &mut C,
    plugins: &[PluginId],
) -> Result<Vec<PluginState>, MigrateError> {
    probe(connection)?;
    let fault = |fault| MigrateError::from_fault(fault, DOING, Duration::ZERO);
    let rows: Vec<SchemaRow> = load(connection, &schemas_query(plugins)).map_err(fault)?;
    if rows.iter().any(|row| row.open) {
        return Err(MigrateError::OpenTransaction);
    }
    let found = |plugin: &PluginId| {
        rows.iter()
            .find(|row| row.schema.as_deref() == Some(plugin.schema_name()))
    };
    let histories: Vec<_> = plugins
        .iter()
        .filter_map(|plugin| Some((*plugin, found(plugin).filter(|row| row.has_history)?)))
        .collect();
    if let Some((plugin, _)) = histories.iter().find(|(_, row)| !row.readable) {
        return Err(MigrateError::NotReadable { plugin: *plugin });
    }
    let mut states: Vec<PluginState> = plugins
        .iter()
        .map(|plugin| PluginState {
            may_create_schema: rows.iter().all(|row| row.may_create_schema),
            schema: found(plugin).map(|row| SchemaState {
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
    let rows: Vec<HistoryRow> = load(connection, &histories_query(&histories)).map_err(fault)?;
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

/// Sets something that ends with the transaction: when it is still there for the next query, the transaction was
/// not ours.
pub(crate) const PROBE: &str = "SELECT pg_catalog.set_config('watertight.probe', 'open', true)";

/// SQL that is true when [`PROBE`] was sent inside a transaction that is still open.
pub(crate) const IS_OPEN: &str =
    "coalesce(pg_catalog.current_setting('watertight.probe', true) = 'open', false)";

fn probe<C: PgSession>(connection: &mut C) -> Result<(), MigrateError> {
    // Not through `send`, which rolls back: an aborted transaction is the caller's to end. It answers everything
    // with the same error, while a connection that is going down may answer once and then no more.
    for _ in 0..2 {
        match connection.batch_execute(PROBE) {
            Ok(()) => return Ok(()),
            Err(error) if is_lost(&error) => {
                return Err(MigrateError::from_fault(
                    Fault::Lost(error),
                    DOING,
                    Duration::ZERO,
                ));
            }
            Err(_) => {}
        }
    }
    Err(MigrateError::OpenTransaction)
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

/// Looks in `pg_class` and not with `to_regclass`, which needs rights on the schema.
fn schemas_query(plugins: &[PluginId]) -> String {
    let names: Vec<_> = plugins
        .iter()
        .map(|plugin| literal(plugin.schema_name()))
        .collect();
    let column = |name| {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = '{name}' \
             AND NOT a.attisdropped)"
        )
    };
    format!(
        "SELECT {IS_OPEN} AS open, \
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
        history::TABLE,
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
                history::table(*plugin),
            )
        })
        .collect();
    selects.join(" UNION ALL ")
}
