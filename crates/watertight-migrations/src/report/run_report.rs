use watertight_metadata::PluginId;

use super::order_warning::OrderWarning;
use super::postgres_notice::PostgresNotice;
use crate::errors::MigrateError;

/// What a run did.
#[derive(Debug)]
pub struct RunReport {
    /// The selected plugins, in the order in which they migrate.
    pub plugins: Vec<PluginReport>,
    /// Why fewer connections were opened than requested, if so. The run used the others.
    pub fewer_connections: Option<String>,
}

/// What a run did with one plugin.
#[derive(Debug)]
pub struct PluginReport {
    /// The plugin.
    pub plugin: PluginId,
    /// The migrations that were applied, in order.
    pub applied: Vec<AppliedMigration>,
    /// The result.
    pub outcome: Outcome,
    /// The names of the migrations that are still pending.
    pub not_run: Vec<String>,
    /// The versions in the history that no migration has. The run ignores them.
    pub ahead: Vec<String>,
    /// Warnings about migrations that are ahead or were out of order.
    pub warnings: Vec<OrderWarning>,
}

/// A migration that is now applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is older than a migration that was already applied.
    pub out_of_order: bool,
    /// Whether a concurrent run applied it.
    pub by_another_run: bool,
    /// The notices and warnings that PostgreSQL sent while it ran, unless it ran on a Diesel connection, which hides them.
    pub notices: Vec<PostgresNotice>,
    /// Whether it had failed beside migrations of other plugins, and was applied again when nothing else ran.
    pub at_second_attempt: bool,
}

/// The result of a plugin's run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// All its migrations are applied.
    UpToDate,
    /// One of its migrations failed; the later ones were not run.
    Failed(Box<MigrateError>),
    /// None of its migrations was run.
    Skipped(SkipReason),
}

/// Why none of a plugin's migrations was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// A plugin that it depends on is not up to date.
    Dependency(PluginId),
    /// All connections were lost.
    NoConnection,
    /// The run was interrupted.
    Interrupted,
}

impl RunReport {
    /// Returns whether every plugin is up to date.
    pub fn is_success(&self) -> bool {
        self.plugins
            .iter()
            .all(|plugin| matches!(plugin.outcome, Outcome::UpToDate))
    }

    /// Returns whether the run was interrupted before every plugin was up to date.
    pub fn is_interrupted(&self) -> bool {
        self.plugins.iter().any(|plugin| match &plugin.outcome {
            Outcome::Failed(error) => error.is_interrupted(),
            Outcome::Skipped(reason) => *reason == SkipReason::Interrupted,
            Outcome::UpToDate => false,
        })
    }

    /// Returns how many migrations this run applied itself.
    pub fn applied_count(&self) -> usize {
        let applied = self.plugins.iter().flat_map(|plugin| &plugin.applied);
        applied
            .filter(|migration| !migration.by_another_run)
            .count()
    }

    /// Returns the errors of the plugins that failed.
    pub fn errors(&self) -> impl Iterator<Item = &MigrateError> {
        self.plugins
            .iter()
            .filter_map(|plugin| match &plugin.outcome {
                Outcome::Failed(error) => Some(error.as_ref()),
                Outcome::UpToDate | Outcome::Skipped(_) => None,
            })
    }

    /// Returns the report if no plugin failed, for a server that must not start otherwise.
    ///
    /// # Errors
    ///
    /// The error of the first plugin that failed, and when the run was interrupted.
    pub fn into_result(mut self) -> Result<Self, MigrateError> {
        let failed = self
            .plugins
            .iter()
            .position(|plugin| matches!(plugin.outcome, Outcome::Failed(_)));
        match failed.map(|index| self.plugins.swap_remove(index).outcome) {
            Some(Outcome::Failed(error)) => Err(*error),
            _ if self.is_interrupted() => Err(MigrateError::Interrupted),
            _ => Ok(self),
        }
    }
}
