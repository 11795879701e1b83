use diesel::migration::{Migration as DieselMigration, Result as DieselResult};
use diesel::pg::Pg;
use watertight_metadata::PluginId;

use super::diesel_source::{DieselSource, find};
use super::migration::Migration;
use super::source_warning::SourceWarning;

/// A plugin whose migrations have been read and checked, oldest first.
pub(crate) struct LoadedPlugin {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) warnings: Vec<SourceWarning>,
    pub(super) diesel_source: Option<DieselSource>,
}

impl LoadedPlugin {
    pub(crate) fn migration(&self, version: &str) -> Option<&Migration> {
        self.migrations
            .iter()
            .find(|migration| migration.version == version)
    }

    /// Returns the implementation of a Rust migration. It is created each time, because it is not `Send`.
    pub(crate) fn rust_migration(
        &self,
        migration: &Migration,
    ) -> DieselResult<Box<dyn DieselMigration<Pg>>> {
        let source = self
            .diesel_source
            .as_ref()
            .ok_or("only Rust migrations have an implementation")?;
        find(source, &migration.version)
    }
}
