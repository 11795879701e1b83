use super::migration_step::MigrationStep;
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::session::{PluginState, Schemas, Session};
use crate::sources::{LoadedPlugin, Migration};

/// A plugin with its state in the database.
pub(crate) struct SelectedPlugin<'a> {
    pub(crate) plugin: &'a LoadedPlugin,
    pub(crate) state: PluginState,
}

impl<'a> SelectedPlugin<'a> {
    pub(crate) fn read<S: Session>(
        session: &mut S,
        plugins: &[&'a LoadedPlugin],
    ) -> Result<Vec<Self>, MigrateError> {
        Self::read_with(session, plugins, |_| ())
    }

    /// As [`read`](Self::read). Calls `between` when it is known which schemas exist, before the histories are read.
    pub(super) fn read_with<S: Session>(
        session: &mut S,
        plugins: &[&'a LoadedPlugin],
        between: impl FnOnce(&Schemas<'_>),
    ) -> Result<Vec<Self>, MigrateError> {
        let ids: Vec<_> = plugins.iter().map(|plugin| plugin.id).collect();
        let schemas = Schemas::read(session, &ids)?;
        between(&schemas);
        let states = schemas.read_histories(session)?;
        Ok(plugins
            .iter()
            .zip(states)
            .map(|(plugin, state)| Self { plugin, state })
            .collect())
    }

    pub(super) fn read_one<S: Session>(
        session: &mut S,
        plugin: &'a LoadedPlugin,
    ) -> Result<Self, MigrateError> {
        let selected = Self::read(session, &[plugin])?;
        Ok(selected
            .into_iter()
            .next()
            .expect("one state is read for each plugin"))
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = &'a Migration> {
        let applied = &self.state.applied;
        self.plugin
            .migrations
            .iter()
            .filter(|migration| !applied.contains_key(&migration.version))
    }

    pub(super) fn step(&self, migration: &'a Migration, direction: Direction) -> MigrationStep<'a> {
        MigrationStep {
            plugin: self.plugin.id,
            migration,
            direction,
            strings: self.state.strings,
        }
    }

    /// Returns the error of the first pending migration whose SQL must not be sent. None of the plugin's migrations is
    /// run then.
    pub(crate) fn refused(&self) -> Option<MigrateError> {
        self.pending()
            .find_map(|migration| self.step(migration, Direction::Up).scripts().err())
    }
}
