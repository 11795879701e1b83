use std::collections::{BTreeMap, HashMap};

use postgres_protocol::escape::escape_literal;
use serde::Deserialize;
use watertight_metadata::PluginId;

use super::messages::{Session, load};
use super::open_transaction::IS_OPEN;
use super::session_error::SessionError;
use crate::errors::MigrateError;
use crate::sql::{Strings, history_sql};

const DOING: &str = "read which migrations are applied";

/// A plugin's schema and history in the database.
#[derive(Debug, Default)]
pub(crate) struct PluginState {
    /// If the session cannot write, whether the reason is that the server is a standby.
    pub(crate) read_only: Option<bool>,
    pub(crate) may_create_schema: bool,
    pub(crate) schema: Option<SchemaState>,
    /// How the session reads strings.
    pub(crate) strings: Strings,
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
    pub(crate) may_insert: bool,
    pub(crate) may_update: bool,
    pub(crate) may_delete: bool,
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

/// A row for a schema. Without any of the schemas, a single row with what is about the session.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "columns of a query")]
struct SchemaRow {
    in_transaction: bool,
    standard_strings: bool,
    is_standby: bool,
    is_read_only: bool,
    may_create_schema: bool,
    schema: Option<String>,
    may_create_table: bool,
    has_history: bool,
    readable: bool,
    has_checksum: bool,
    has_name: bool,
    owns_history: bool,
    may_insert: bool,
    may_update: bool,
    may_delete: bool,
}

#[derive(Deserialize)]
struct HistoryRow {
    schema: String,
    version: String,
    checksum: Option<String>,
    name: Option<String>,
}

/// Reads the state of these plugins with two queries, regardless of their number. Writes nothing.
///
/// Refuses a connection with an open transaction: Watertight's `COMMIT` would commit it.
pub(crate) fn read_states<S: Session>(
    session: &mut S,
    plugins: &[PluginId],
) -> Result<Vec<PluginState>, MigrateError> {
    Schemas::read(session, plugins)?.read_histories(session)
}

/// What the first of the two queries of [`read_states`] returns.
pub(crate) struct Schemas<'p> {
    plugins: &'p [PluginId],
    /// As in [`PluginState`].
    read_only: Option<bool>,
    may_create_schema: bool,
    strings: Strings,
    rows: HashMap<String, SchemaRow>,
}

impl<'p> Schemas<'p> {
    /// Sends the first query.
    pub(crate) fn read<S: Session>(
        session: &mut S,
        plugins: &'p [PluginId],
    ) -> Result<Self, MigrateError> {
        if session.has_callers_transaction().map_err(failed)? {
            return Err(MigrateError::OpenTransaction);
        }
        let rows: Vec<SchemaRow> = load(session, &schemas_query(plugins)).map_err(failed)?;
        if rows.iter().any(|row| row.in_transaction) {
            return Err(MigrateError::OpenTransaction);
        }
        let cannot_write = |row: &&SchemaRow| row.is_standby || row.is_read_only;
        Ok(Self {
            plugins,
            read_only: rows.iter().find(cannot_write).map(|row| row.is_standby),
            may_create_schema: rows.iter().all(|row| row.may_create_schema),
            strings: if rows.iter().all(|row| row.standard_strings) {
                Strings::Standard
            } else {
                Strings::Escaped
            },
            rows: rows
                .into_iter()
                .filter_map(|row| Some((row.schema.clone()?, row)))
                .collect(),
        })
    }

    pub(crate) fn has_history(&self, plugin: PluginId) -> bool {
        self.row(plugin).is_some_and(|row| row.has_history)
    }

    /// Sends the second query, unless there is no history.
    pub(crate) fn read_histories<S: Session>(
        self,
        session: &mut S,
    ) -> Result<Vec<PluginState>, MigrateError> {
        let histories: Vec<_> = self
            .plugins
            .iter()
            .filter_map(|plugin| Some((*plugin, self.row(*plugin).filter(|row| row.has_history)?)))
            .collect();
        if let Some((plugin, _)) = histories.iter().find(|(_, row)| !row.readable) {
            return Err(MigrateError::NotReadable { plugin: *plugin });
        }
        let mut states: Vec<PluginState> = self
            .plugins
            .iter()
            .map(|plugin| PluginState {
                read_only: self.read_only,
                may_create_schema: self.may_create_schema,
                schema: self.row(*plugin).map(|row| SchemaState {
                    may_create_table: row.may_create_table,
                    has_history: row.has_history,
                    has_columns: row.has_checksum && row.has_name,
                    owns_history: row.owns_history,
                    may_insert: row.may_insert,
                    may_update: row.may_update,
                    may_delete: row.may_delete,
                }),
                strings: self.strings,
                applied: BTreeMap::new(),
            })
            .collect();
        if histories.is_empty() {
            return Ok(states);
        }
        let rows: Vec<HistoryRow> = load(session, &histories_query(&histories)).map_err(failed)?;
        let index_of: HashMap<&str, usize> = self
            .plugins
            .iter()
            .enumerate()
            .map(|(index, plugin)| (plugin.schema_name(), index))
            .collect();
        for row in rows {
            if let Some(index) = index_of.get(row.schema.as_str()) {
                let applied = AppliedRow {
                    checksum: row.checksum,
                    name: row.name,
                };
                states[*index].applied.insert(row.version, applied);
            }
        }
        Ok(states)
    }

    fn row(&self, plugin: PluginId) -> Option<&SchemaRow> {
        self.rows.get(plugin.schema_name())
    }
}

fn failed(error: SessionError) -> MigrateError {
    error.into_migrate_error(DOING)
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
         pg_catalog.current_setting('standard_conforming_strings') = 'on' AS standard_strings, \
         pg_catalog.pg_is_in_recovery() AS is_standby, \
         pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool AS is_read_only, \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create_schema, \
         n.nspname::pg_catalog.text AS schema, \
         coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false) AS may_create_table, \
         c.oid IS NOT NULL AS has_history, \
         coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS readable, \
         {} AS has_checksum, {} AS has_name, \
         coalesce(pg_catalog.pg_has_role(c.relowner, 'USAGE'), false) AS owns_history, \
         coalesce(pg_catalog.has_any_column_privilege(c.oid, 'INSERT'), false) AS may_insert, \
         coalesce(pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'), false) AS may_update, \
         coalesce(pg_catalog.has_table_privilege(c.oid, 'DELETE'), false) AS may_delete \
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
