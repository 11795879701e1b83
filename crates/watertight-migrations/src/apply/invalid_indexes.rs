//! The invalid indexes that a migration without a transaction leaves: those of a `CREATE INDEX CONCURRENTLY` that failed or
//! was interrupted, which `IF NOT EXISTS` keeps.

use std::collections::BTreeSet;

use serde::Deserialize;
use watertight_metadata::PluginId;

use super::migration_step::MigrationStep;
use crate::session::{Session, SessionError, load};
use crate::sources::Script;
use crate::sql::mentioned_words;

/// The invalid indexes before a migration runs.
pub(super) struct InvalidIndexes {
    plugin: PluginId,
    /// The words in the migration's SQL, in lower case. A Rust migration does not show its SQL.
    words: Option<BTreeSet<String>>,
    before: Vec<Index>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Index {
    oid: u32,
    schema: String,
    name: String,
    /// Whether its name without a schema is found.
    visible: bool,
    /// As it is written in SQL.
    qualified: String,
}

impl InvalidIndexes {
    pub(super) fn before<S: Session>(
        session: &mut S,
        step: MigrationStep<'_>,
        scripts: &[&Script],
    ) -> Result<Self, SessionError> {
        let words = scripts.iter().map(|script| mentioned_words(&script.sql));
        Ok(Self {
            plugin: step.plugin,
            words: (!scripts.is_empty()).then(|| words.flatten().collect()),
            before: read(session)?,
        })
    }

    /// Returns those that an earlier attempt left: the SQL names them.
    pub(super) fn of_earlier_attempt(&self) -> Vec<String> {
        let named = self.before.iter().filter(|index| self.is_named(index));
        named.map(|index| index.qualified.clone()).collect()
    }

    /// Returns those that are invalid after the SQL has run: the SQL names them, or they are new in the plugin's schema.
    pub(super) fn after<S: Session>(&self, session: &mut S) -> Result<Vec<String>, SessionError> {
        let is_left = |index: &Index| {
            let is_new = self.before.iter().all(|before| before.oid != index.oid);
            self.is_named(index) || is_new && index.schema == self.plugin.schema_name()
        };
        let after = read(session)?;
        let left = after.into_iter().filter(is_left);
        Ok(left.map(|index| index.qualified).collect())
    }

    /// Returns whether the SQL names the index, and not one with the same name in another schema. A Rust migration may name
    /// each one in the plugin's schema.
    fn is_named(&self, index: &Index) -> bool {
        let is_own = index.schema == self.plugin.schema_name();
        let Some(words) = &self.words else {
            return is_own;
        };
        let is_word = |name: &String| words.contains(&name.to_ascii_lowercase());
        is_word(&index.name) && (is_own || index.visible || is_word(&index.schema))
    }
}

/// Returns those in the plugin's schema, if they can be read.
pub(super) fn in_schema<S: Session>(session: &mut S, plugin: PluginId) -> Vec<String> {
    let mut indexes = read(session).unwrap_or_default();
    indexes.retain(|index| index.schema == plugin.schema_name());
    indexes.into_iter().map(|index| index.qualified).collect()
}

/// Reads the invalid indexes. An index of a partitioned table is invalid until all its partitions have one, and an index
/// that another session is building is invalid until it is complete.
fn read<S: Session>(session: &mut S) -> Result<Vec<Index>, SessionError> {
    load(
        session,
        "SELECT c.oid::pg_catalog.int8 AS oid, n.nspname AS schema, c.relname AS name, \
         pg_catalog.pg_table_is_visible(c.oid) AS visible, \
         pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified \
         FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i' \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE NOT (i.indisvalid AND i.indisready) AND NOT EXISTS (\
           SELECT FROM pg_catalog.pg_stat_progress_create_index AS building \
           WHERE building.index_relid = c.oid AND building.pid <> pg_catalog.pg_backend_pid()) \
         ORDER BY qualified",
    )
}
