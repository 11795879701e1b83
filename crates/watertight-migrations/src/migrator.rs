use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use watertight_connection::DatabaseUrl;
use watertight_metadata::{PluginId, dependency_closure, dependency_order};

use crate::apply::{self, Run, SelectedPlugin};
use crate::errors::{LoadError, MigrateError};
use crate::policy::Policy;
use crate::report::{
    MigrationPlan, MigrationProgress, PlannedMigration, PluginStatus, Repair, RunReport,
};
use crate::session::{
    DieselSession, Interrupt, Options, PgSession, Pooling, ProtocolSession, Session,
};
use crate::sources::{LoadedPlugin, MigrationBody, PluginMigrations, Script, SourceWarning};

/// Runs, reverts and reports the migrations of a set of plugins.
///
/// Plugins are always ordered so that each comes after its dependencies. Every operation refuses a connection with an
/// open transaction, and restores the connection's settings.
///
/// Behind a connection pooler in transaction mode, only the functions that take a URL work. A connection that the caller
/// passes must have a session of its own, as [`DatabaseUrl::connect_session`] ensures.
pub struct Migrator {
    /// Each comes after its dependencies.
    plugins: Vec<LoadedPlugin>,
    options: Options,
}

impl Migrator {
    /// Reads and checks the migrations of all plugins. Needs no database.
    ///
    /// # Errors
    ///
    /// When the dependencies form a cycle or are missing, a migration cannot be read, or two have the same version.
    pub fn new(plugins: Vec<PluginMigrations>) -> Result<Self, LoadError> {
        let loaded = plugins
            .into_iter()
            .map(PluginMigrations::load)
            .collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = loaded
            .iter()
            .map(|plugin| (plugin.id, plugin.dependencies.clone()))
            .collect();
        let order = dependency_order(&ids)?;
        let mut loaded: Vec<_> = loaded.into_iter().map(Some).collect();
        let plugins = order
            .into_iter()
            .filter_map(|index| loaded[index].take())
            .collect();
        Ok(Self {
            plugins,
            options: Options::default(),
        })
    }

    /// Sets how long to wait for each lock that another run holds. The default, `None`, waits as long as the other run
    /// is alive.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.lock_timeout = timeout.into();
        self
    }

    /// Sets PostgreSQL's `lock_timeout` for the statements of SQL migrations that run in a transaction. The default is
    /// five seconds. `None` leaves it as it is.
    ///
    /// Such a migration is rolled back after this time and tried again, up to ten times with growing pauses, so that
    /// sessions that need the table do not queue behind it for longer. A `lock_timeout` that the session has by its role or
    /// URL, or that the migration sets, takes precedence; with the latter it is tried once.
    #[must_use]
    pub fn statement_lock_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.statement_lock_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// Sets how many connections [`run_on`](Self::run_on) may open. The default is four: more do not make migrations
    /// faster, and a small server has few.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.options.jobs = jobs;
        self
    }

    /// Sets what a run does when the history has versions that no migration has. The default is [`Policy::Warn`]: a
    /// newer version of the code has migrated the database, and may run beside this one.
    #[must_use]
    pub fn ahead(mut self, policy: Policy) -> Self {
        self.options.ahead = policy;
        self
    }

    /// Sets what a run does with a pending migration that is older than an applied one. The default is
    /// [`Policy::Warn`], with which it is applied.
    #[must_use]
    pub fn out_of_order(mut self, policy: Policy) -> Self {
        self.options.out_of_order = policy;
        self
    }

    /// Returns what stops the runs, reverts and redos of this migrator from another thread.
    pub fn interrupt(&self) -> Interrupt {
        self.options.interrupt.clone()
    }

    /// Sets a callback for progress events.
    #[must_use]
    pub fn on_progress(
        mut self,
        progress: impl Fn(&MigrationProgress<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.options.progress = Box::new(progress);
        self
    }

    /// Returns the status of every plugin, in the order in which they migrate.
    ///
    /// Sends two queries and a check of the connection, regardless of the number of plugins. Writes nothing, and needs
    /// only read rights.
    ///
    /// # Errors
    ///
    /// When the role has no right to read a history, or the connection fails.
    pub fn status<C: PgSession>(
        &self,
        connection: &mut C,
    ) -> Result<Vec<PluginStatus>, MigrateError> {
        self.status_of(&mut DieselSession(connection))
    }

    fn status_of<S: Session>(&self, session: &mut S) -> Result<Vec<PluginStatus>, MigrateError> {
        let all: Vec<_> = self.plugins.iter().collect();
        let selected = SelectedPlugin::read(session, &all)?;
        Ok(selected.iter().map(SelectedPlugin::status).collect())
    }

    /// Returns what [`run`](Self::run) would do. Writes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`status`](Self::status), when an applied migration was modified, when one is in a state that the
    /// options deny, and when a migration's SQL must not be sent.
    pub fn plan<C: PgSession>(
        &self,
        connection: &mut C,
        only: &[PluginId],
    ) -> Result<MigrationPlan, MigrateError> {
        let selected = SelectedPlugin::read(&mut DieselSession(connection), &self.select(only)?)?;
        apply::drift::check(&selected)?;
        apply::order_policy::check(&selected, &self.options)?;
        let mut migrations = Vec::new();
        for selected in &selected {
            if let Some(refused) = selected.refused() {
                return Err(refused);
            }
            migrations.extend(selected.pending().map(|migration| {
                let up: Option<&Script> = match &migration.body {
                    MigrationBody::Sql { up, .. } => Some(up),
                    MigrationBody::Rust => None,
                };
                PlannedMigration {
                    plugin: selected.plugin.id,
                    name: migration.name.clone(),
                    version: migration.version.clone(),
                    out_of_order: selected.is_out_of_order(migration),
                    in_transaction: migration.in_transaction,
                    file: up.map(|up| up.file.clone()),
                    sql: up.map(|up| up.sql.clone()),
                    checksum: migration.checksum(),
                    strings: selected.state.strings,
                }
            }));
        }
        let setup = selected
            .iter()
            .flat_map(|selected| apply::missing(selected.plugin.id, &selected.state))
            .collect();
        Ok(MigrationPlan { setup, migrations })
    }

    /// Runs the pending migrations of these plugins and their dependencies, or of all plugins if `only` is empty.
    ///
    /// A plugin's failure is in the report and stops only the plugins that depend on it. A concurrent run is not an
    /// error: each migration is applied once, by one of the two.
    ///
    /// # Errors
    ///
    /// When nothing can be run: the state cannot be read, an applied migration of any of the plugins was modified or
    /// renumbered, one is in a state that the options deny, schemas cannot be created, or a plugin is unknown.
    pub fn run<C: PgSession>(
        &self,
        connection: &mut C,
        only: &[PluginId],
    ) -> Result<RunReport, MigrateError> {
        let session = &mut DieselSession(connection);
        let run = Run::prepare(session, &self.select(only)?, &self.options, &mut |_| ())?;
        let ended = run.on(session);
        Ok(run.into_report(ended.err().as_ref()))
    }

    /// Like [`run`](Self::run), on connections of its own: several plugins at a time, each as soon as its dependencies
    /// are up to date. The migrations of a plugin are sent without waiting for each other.
    ///
    /// Opens at most as many connections as [`jobs`](Self::jobs) says, and only as many as there is work for. If only
    /// some can be opened, the run uses those. Must not be called inside an async task.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and when no connection can be opened.
    pub fn run_on(&self, url: &DatabaseUrl, only: &[PluginId]) -> Result<RunReport, MigrateError> {
        let selected = self.select(only)?;
        let pooling = Arc::default();
        let connect = || self.connect(url, &pooling);
        let jobs = if url.serves_one_connection() {
            NonZeroUsize::MIN
        } else {
            self.options.jobs
        };
        apply::run_on_several(&selected, &connect, jobs.get(), &self.options)
    }

    /// Like [`status`](Self::status), on a connection of its own. Must not be called inside an async task.
    ///
    /// # Errors
    ///
    /// Those of [`status`](Self::status), and when the connection cannot be opened.
    pub fn status_on(&self, url: &DatabaseUrl) -> Result<Vec<PluginStatus>, MigrateError> {
        self.status_of(&mut self.connect(url, &Arc::default())?)
    }

    fn connect(
        &self,
        url: &DatabaseUrl,
        pooling: &Arc<Pooling>,
    ) -> Result<ProtocolSession, MigrateError> {
        ProtocolSession::connect(url, pooling, &self.options.interrupt)
    }

    /// Runs the oldest pending migration of a plugin and returns its name, or `None` if none is pending. Runs nothing
    /// of its dependencies.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run), and the migration's failure.
    pub fn run_next<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
    ) -> Result<Option<String>, MigrateError> {
        apply::run_next(
            &mut DieselSession(connection),
            self.find(plugin)?,
            &self.options,
        )
    }

    /// Reverts the newest `steps` migrations of a plugin, or all if fewer are applied, and returns their names, newest
    /// first.
    ///
    /// # Errors
    ///
    /// Before anything is reverted, when one of them is not in the code or has no `down.sql`. When one fails, those
    /// reverted before it stay reverted.
    pub fn revert<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
        steps: NonZeroUsize,
    ) -> Result<Vec<String>, MigrateError> {
        apply::revert(
            &mut DieselSession(connection),
            self.find(plugin)?,
            steps,
            &self.options,
        )
    }

    /// Like [`revert`](Self::revert), on a connection of its own. Must not be called inside an async task.
    ///
    /// # Errors
    ///
    /// Those of [`revert`](Self::revert), and when the connection cannot be opened.
    pub fn revert_on(
        &self,
        url: &DatabaseUrl,
        plugin: &PluginId,
        steps: NonZeroUsize,
    ) -> Result<Vec<String>, MigrateError> {
        let plugin = self.find(plugin)?;
        apply::revert(
            &mut self.connect(url, &Arc::default())?,
            plugin,
            steps,
            &self.options,
        )
    }

    /// Reverts the newest migration of a plugin, runs it again and returns its name.
    ///
    /// Both happen in one transaction, so that a failure changes nothing. A migration that runs without a transaction
    /// is reverted first and then run.
    ///
    /// # Errors
    ///
    /// Those of [`revert`](Self::revert), and when none is applied.
    pub fn redo<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
    ) -> Result<String, MigrateError> {
        apply::redo(
            &mut DieselSession(connection),
            self.find(plugin)?,
            &self.options,
        )
    }

    /// Like [`redo`](Self::redo), on a connection of its own. Must not be called inside an async task.
    ///
    /// # Errors
    ///
    /// Those of [`redo`](Self::redo), and when the connection cannot be opened.
    pub fn redo_on(&self, url: &DatabaseUrl, plugin: &PluginId) -> Result<String, MigrateError> {
        let plugin = self.find(plugin)?;
        apply::redo(
            &mut self.connect(url, &Arc::default())?,
            plugin,
            &self.options,
        )
    }

    /// Returns what [`repair`](Self::repair) would change in the history of a plugin. Writes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`status`](Self::status), and when the plugin is unknown.
    pub fn plan_repair<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
    ) -> Result<Repair, MigrateError> {
        apply::repair::plan(&mut DieselSession(connection), self.find(plugin)?)
    }

    /// Changes the history of a plugin as planned, so that it describes the migrations in the code as applied. Runs
    /// none of their SQL.
    ///
    /// # Errors
    ///
    /// When the history was changed since it was planned, or cannot be written. Nothing is changed then.
    pub fn repair<C: PgSession>(
        &self,
        connection: &mut C,
        repair: &Repair,
    ) -> Result<(), MigrateError> {
        let plugin = self.find(&repair.plugin)?;
        apply::repair::apply(
            &mut DieselSession(connection),
            plugin,
            repair,
            &self.options,
        )
    }

    /// Records a migration as applied without running it. Returns whether it was pending.
    ///
    /// # Errors
    ///
    /// When no migration has this version, or the history cannot be written.
    pub fn mark_applied<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
        version: &str,
    ) -> Result<bool, MigrateError> {
        apply::mark::applied(
            &mut DieselSession(connection),
            self.find(plugin)?,
            version,
            &self.options,
        )
    }

    /// Removes a migration from the history without reverting it, so that it is pending, or gone if it is not in the
    /// code. Returns whether it was applied.
    ///
    /// # Errors
    ///
    /// When no migration has this version, or the history cannot be written.
    pub fn mark_pending<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
        version: &str,
    ) -> Result<bool, MigrateError> {
        apply::mark::pending(
            &mut DieselSession(connection),
            self.find(plugin)?,
            version,
            &self.options,
        )
    }

    /// Returns a hex digest that changes when the plugins or any migration's SQL change, or `None` if there is a Rust
    /// migration, which cannot be compared.
    pub fn fingerprint(&self) -> Option<String> {
        let mut digest = Sha256::new();
        for plugin in &self.plugins {
            digest.update(format!("{}\n", plugin.id));
            for migration in &plugin.migrations {
                let checksum = migration.checksum()?;
                let transaction = migration.in_transaction;
                digest.update(format!("{} {transaction} {checksum}\n", migration.name));
            }
        }
        Some(base16ct::lower::encode_string(&digest.finalize()))
    }

    /// Returns the ids of the plugins, in the order in which they migrate.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginId> {
        self.plugins.iter().map(|plugin| &plugin.id)
    }

    /// Returns warnings about files among the plugins' migrations that are ignored.
    pub fn warnings(&self) -> impl Iterator<Item = &SourceWarning> {
        self.plugins.iter().flat_map(|plugin| &plugin.warnings)
    }

    fn find(&self, id: &PluginId) -> Result<&LoadedPlugin, MigrateError> {
        self.plugins
            .iter()
            .find(|plugin| plugin.id == *id)
            .ok_or_else(|| MigrateError::UnknownPlugin {
                plugin: *id,
                known: self
                    .plugins
                    .iter()
                    .map(|plugin| plugin.id.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// Returns these plugins and their dependencies, or all plugins if `only` is empty, in order.
    fn select(&self, only: &[PluginId]) -> Result<Vec<&LoadedPlugin>, MigrateError> {
        if only.is_empty() {
            return Ok(self.plugins.iter().collect());
        }
        for id in only {
            self.find(id)?;
        }
        let dependencies: Vec<_> = self
            .plugins
            .iter()
            .map(|plugin| (plugin.id, plugin.dependencies.clone()))
            .collect();
        let selected = dependency_closure(&dependencies, only);
        Ok(self
            .plugins
            .iter()
            .filter(|plugin| selected.contains(&plugin.id))
            .collect())
    }
}
