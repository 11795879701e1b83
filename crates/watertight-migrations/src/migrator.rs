use std::fmt::Display;
use std::num::NonZeroUsize;
use std::time::Duration;

use sha2::{Digest, Sha256};
use watertight_metadata::{PluginId, dependency_order};

use crate::load_error::LoadError;
use crate::migrate_error::MigrateError;
use crate::migration::{Body, Script, hex};
use crate::next;
use crate::options::Options;
use crate::plan::{Plan, PlannedMigration};
use crate::plugin::{LoadedPlugin, Plugin};
use crate::progress::Progress;
use crate::provision;
use crate::report::RunReport;
use crate::revert;
use crate::run::{Run, Selected};
use crate::session::PgSession;
use crate::status::{PluginStatus, is_out_of_order};

/// Runs, reverts and reports the migrations of a set of plugins.
///
/// A plugin comes after those that it depends on, wherever there is an order. Every operation refuses a
/// connection that has a transaction open, and leaves one with the settings that it came with.
pub struct Migrator {
    /// In an order in which each comes after what it depends on.
    plugins: Vec<LoadedPlugin>,
    options: Options,
}

impl Migrator {
    /// Reads the migrations of all plugins and checks them. No database is needed.
    ///
    /// # Errors
    ///
    /// When the plugins' dependencies have no order, or a migration cannot be read or told from another.
    pub fn new(plugins: Vec<Plugin>) -> Result<Self, LoadError> {
        let loaded = plugins
            .into_iter()
            .map(Plugin::load)
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

    /// How long to wait for somebody else who holds a lock, each time. One minute, unless it is set here.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// Tells what happens as it happens.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.options.progress = Box::new(progress);
        self
    }

    /// Where every plugin stands, in the order in which they migrate.
    ///
    /// Two queries and a check of the connection, however many plugins there are. Writes nothing, and needs only
    /// the right to read.
    ///
    /// # Errors
    ///
    /// When a history may not be read, or the database does not answer.
    pub fn status<C: PgSession>(
        &self,
        connection: &mut C,
    ) -> Result<Vec<PluginStatus>, MigrateError> {
        let all: Vec<_> = self.plugins.iter().collect();
        let selected = Selected::read(connection, &all)?;
        Ok(selected
            .iter()
            .map(|selected| PluginStatus::new(selected.plugin, &selected.state))
            .collect())
    }

    /// What [`run`](Self::run) would do. Writes nothing.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status), and when a migration's SQL must not be sent.
    pub fn plan<C: PgSession>(
        &self,
        connection: &mut C,
        only: &[PluginId],
    ) -> Result<Plan, MigrateError> {
        let selected = Selected::read(connection, &self.select(only)?)?;
        let mut migrations = Vec::new();
        for selected in &selected {
            if let Some(refused) = selected.refused() {
                return Err(refused);
            }
            migrations.extend(selected.pending().map(|migration| {
                let up: Option<&Script> = match &migration.body {
                    Body::Sql { up, .. } => Some(up),
                    Body::Code => None,
                };
                PlannedMigration {
                    plugin: selected.plugin.id,
                    name: migration.name.clone(),
                    version: migration.version.clone(),
                    out_of_order: is_out_of_order(migration, &selected.state),
                    in_transaction: migration.in_transaction,
                    file: up.map(|up| up.file.clone()),
                    sql: up.map(|up| up.sql.clone()),
                }
            }));
        }
        let setup = selected
            .iter()
            .flat_map(|selected| provision::missing(selected.plugin.id, &selected.state))
            .collect();
        Ok(Plan { setup, migrations })
    }

    /// Runs the pending migrations of these plugins and of those that they depend on; of all, when `only` is empty.
    ///
    /// A plugin's failure is in the report, and stops only the plugins that depend on it. Another run at the same
    /// time is no error: each migration is applied once, by one of the two.
    ///
    /// # Errors
    ///
    /// When nothing could be run: the state cannot be read, schemas cannot be created, a plugin is not known.
    pub fn run<C: PgSession>(
        &self,
        connection: &mut C,
        only: &[PluginId],
    ) -> Result<RunReport, MigrateError> {
        let run = Run::prepare(connection, &self.select(only)?, &self.options)?;
        run.on(connection);
        Ok(run.into_report(None))
    }

    /// As [`run`](Self::run), with several plugins at a time, each as soon as those that it depends on are done.
    ///
    /// `connect` is called in the threads that use the connections, only as often as there is work, and at most
    /// `connections` times. When only some can be opened, the run goes on with those.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and when not even one connection can be opened.
    pub fn run_parallel<C, E>(
        &self,
        connect: impl Fn() -> Result<C, E> + Sync,
        connections: NonZeroUsize,
        only: &[PluginId],
    ) -> Result<RunReport, MigrateError>
    where
        C: PgSession,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Display,
    {
        let selected = self.select(only)?;
        let mut connection = connect().map_err(|error| MigrateError::Connect {
            source: error.into(),
        })?;
        let run = Run::prepare(&mut connection, &selected, &self.options)?;
        let fewer_connections = run.on_several(&mut connection, &connect, connections);
        Ok(run.into_report(fewer_connections))
    }

    /// Runs the oldest pending migration of a plugin, and only that. Answers its name; nothing, when none is pending.
    /// What the plugin depends on is not run.
    ///
    /// # Errors
    ///
    /// As for one plugin in [`run`](Self::run); and the migration's own failure.
    pub fn run_next<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
    ) -> Result<Option<String>, MigrateError> {
        next::run_next(connection, self.find(plugin)?, &self.options)
    }

    /// Reverts the newest `steps` migrations of a plugin, newest first, or all when fewer are applied. Answers
    /// their names.
    ///
    /// # Errors
    ///
    /// Before anything is reverted, when one of them is not here or has no `down.sql`. When one fails, those
    /// before it stay reverted.
    pub fn revert<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
        steps: NonZeroUsize,
    ) -> Result<Vec<String>, MigrateError> {
        revert::revert(connection, self.find(plugin)?, steps, &self.options)
    }

    /// Reverts the newest migration of a plugin and runs it again. Answers its name.
    ///
    /// In one transaction, so that a failure leaves it as it was; a migration that runs without a transaction is
    /// reverted first and then run.
    ///
    /// # Errors
    ///
    /// As [`revert`](Self::revert), and when none is applied.
    pub fn redo<C: PgSession>(
        &self,
        connection: &mut C,
        plugin: &PluginId,
    ) -> Result<String, MigrateError> {
        revert::redo(connection, self.find(plugin)?, &self.options)
    }

    /// A text that is another one whenever the plugins or the SQL of a migration are; nothing when a migration is
    /// code, which cannot be compared. It is made of hexadecimal digits.
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
        Some(hex(&digest.finalize()))
    }

    /// The plugins, in the order in which they migrate.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginId> {
        self.plugins.iter().map(|plugin| &plugin.id)
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

    /// These plugins and all that they depend on, in order; all plugins, when none is named.
    fn select(&self, only: &[PluginId]) -> Result<Vec<&LoadedPlugin>, MigrateError> {
        if only.is_empty() {
            return Ok(self.plugins.iter().collect());
        }
        let mut wanted = only.to_vec();
        let mut index = 0;
        while let Some(id) = wanted.get(index) {
            for dependency in &self.find(id)?.dependencies {
                if !wanted.contains(dependency) {
                    wanted.push(*dependency);
                }
            }
            index += 1;
        }
        Ok(self
            .plugins
            .iter()
            .filter(|plugin| wanted.contains(&plugin.id))
            .collect())
    }
}
