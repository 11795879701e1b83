//! Comparing a plugin's migrations with its history: applied, drifted, pending, out of order, ahead.

use super::selected_plugin::SelectedPlugin;
use crate::report::{MigrationState, MigrationStatus, PluginStatus};
use crate::sources::Migration;

impl SelectedPlugin<'_> {
    /// Returns the plugin's schema, history, and migrations by version, each with its state.
    pub(crate) fn status(&self) -> PluginStatus {
        let known = self
            .plugin
            .migrations
            .iter()
            .map(|migration| MigrationStatus {
                version: migration.version.clone(),
                name: Some(migration.name.clone()),
                state: self.migration_state(migration),
            });
        let ahead = self
            .state
            .applied
            .iter()
            .filter(|(version, _)| self.plugin.migration(version).is_none());
        let ahead = ahead.map(|(version, row)| MigrationStatus {
            version: version.clone(),
            name: row.name.clone(),
            state: MigrationState::Ahead,
        });
        let mut migrations: Vec<_> = known.chain(ahead).collect();
        migrations.sort_by(|a, b| a.version.cmp(&b.version));
        PluginStatus {
            plugin: self.plugin.id,
            has_schema: self.state.schema.is_some(),
            has_history: self.state.has_history(),
            migrations,
            renumbered: self.renumbered(),
        }
    }

    fn migration_state(&self, migration: &Migration) -> MigrationState {
        if self.is_drifted(migration) {
            MigrationState::Drifted
        } else if self.state.applied.contains_key(&migration.version) {
            MigrationState::Applied
        } else if self.is_out_of_order(migration) {
            MigrationState::OutOfOrder
        } else {
            MigrationState::Pending
        }
    }

    /// Returns whether the migration's SQL was modified since it was applied.
    pub(super) fn is_drifted(&self, migration: &Migration) -> bool {
        let row = self.state.applied.get(&migration.version);
        let applied = row.and_then(|row| row.checksum.as_ref());
        // Rows of Diesel and of Rust migrations have no checksum.
        match (applied, migration.checksums()) {
            (Some(applied), Some(current)) => !current.contain(applied),
            _ => false,
        }
    }

    /// Returns whether the migration is older than one that is applied.
    pub(crate) fn is_out_of_order(&self, migration: &Migration) -> bool {
        self.state
            .applied
            .last_key_value()
            .is_some_and(|(newest, _)| migration.version < *newest)
    }
}
