use watertight_metadata::PluginId;

use crate::migrate_error::MigrateError;

/// What a run did, plugin by plugin, in the order in which they migrate.
#[derive(Debug)]
pub struct RunReport {
    /// One for each plugin that was to run.
    pub plugins: Vec<PluginReport>,
    /// Why there were fewer connections than asked for, where that is so. The run went on with the others.
    pub fewer_connections: Option<String>,
}

/// What a run did to one plugin.
#[derive(Debug)]
pub struct PluginReport {
    /// The plugin.
    pub plugin: PluginId,
    /// The migrations that were applied, in order.
    pub applied: Vec<AppliedMigration>,
    /// How it ended.
    pub outcome: Outcome,
    /// The names of the migrations that were pending and are still not applied.
    pub not_run: Vec<String>,
    /// The names of the migrations whose SQL was another when they were applied. They stop nothing.
    pub drifted: Vec<String>,
    /// Versions in the history that no migration has. They stop nothing.
    pub ahead: Vec<String>,
}

/// A migration that is now applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// It sorts before one that was applied already.
    pub out_of_order: bool,
    /// Another run applied it while this one was about to.
    pub by_another_run: bool,
}

/// How a plugin's run ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// All its migrations are applied.
    UpToDate,
    /// One of its migrations failed; those after it were not run.
    Failed(Box<MigrateError>),
    /// It was not begun.
    Skipped(SkipReason),
}

/// Why a plugin was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// A plugin that it depends on is not up to date.
    Dependency(PluginId),
    /// There was no connection left to run it on.
    NoConnection,
}

impl RunReport {
    /// Is every plugin up to date?
    pub fn is_success(&self) -> bool {
        self.plugins
            .iter()
            .all(|plugin| matches!(plugin.outcome, Outcome::UpToDate))
    }

    /// How many migrations this run applied itself.
    pub fn applied_count(&self) -> usize {
        let applied = self.plugins.iter().flat_map(|plugin| &plugin.applied);
        applied
            .filter(|migration| !migration.by_another_run)
            .count()
    }

    /// The errors of the plugins that failed.
    pub fn errors(&self) -> impl Iterator<Item = &MigrateError> {
        self.plugins
            .iter()
            .filter_map(|plugin| match &plugin.outcome {
                Outcome::Failed(error) => Some(error.as_ref()),
                Outcome::UpToDate | Outcome::Skipped(_) => None,
            })
    }

    /// The report if every plugin is up to date, for a server that must not start otherwise.
    ///
    /// # Errors
    ///
    /// The first plugin's error.
    pub fn into_result(mut self) -> Result<Self, MigrateError> {
        let failed = self
            .plugins
            .iter()
            .position(|plugin| matches!(plugin.outcome, Outcome::Failed(_)));
        match failed.map(|index| self.plugins.swap_remove(index).outcome) {
            Some(Outcome::Failed(error)) => Err(*error),
            _ => Ok(self),
        }
    }
}
