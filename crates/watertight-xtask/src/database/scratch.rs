use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use diesel::connection::SimpleConnection as _;
use watertight_connection::Connection;
use watertight_embedded::{Database, ScratchDatabase};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

use super::interrupt;
use super::migration_folders::migrator_for;
use crate::output::{command_error, terminal};
use crate::workspace::{Workspace, WorkspacePlugin};

/// The prefix of the names of scratch databases.
const PREFIX: &str = "watertight_scratch";

type Slot = Arc<Mutex<Option<ScratchDatabase>>>;

/// The server on which a command creates scratch databases: that of `DATABASE_URL`, or the embedded one.
///
/// It has one database at a time, which is dropped with its [`Scratch`] or on Ctrl-C. The databases that a killed command
/// leaves behind are dropped by the next one.
pub(crate) struct ScratchServer {
    database: Database,
    slot: Slot,
}

/// A temporary database.
pub(crate) struct Scratch {
    pub(crate) connection: Connection,
    slot: Slot,
}

impl ScratchServer {
    /// Finds the server.
    ///
    /// # Errors
    ///
    /// When there is no server, or the handler for Ctrl-C cannot be installed.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let database = workspace.database()?;
        let slot = Slot::default();
        let slot_of_handler = Arc::clone(&slot);
        interrupt::on_interrupt(move || {
            // The lock is held until the process exits, so that the command does not go on.
            let mut slot = lock(&slot_of_handler);
            drop(slot.take());
            terminal::status("interrupted: nothing was written");
            interrupt::exit();
        })?;
        // A role that may not list databases has created none.
        let _ = ScratchDatabase::sweep(database.url(), PREFIX);
        Ok(Self { database, slot })
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// When the role may not create one, or the server cannot be reached.
    pub(crate) fn create(&self) -> Result<Scratch> {
        // Ctrl-C waits until the database exists, and then drops it.
        let mut slot = lock(&self.slot);
        let database = ScratchDatabase::create(self.database.url(), PREFIX)?;
        let url = database.url().clone();
        *slot = Some(database);
        Ok(Scratch {
            connection: url.connect()?,
            slot: Arc::clone(&self.slot),
        })
    }
}

impl Scratch {
    /// Runs the migrations of these plugins and of their dependencies. Creates their schemas even if they have no
    /// migrations.
    ///
    /// # Errors
    ///
    /// When a migration fails. Its error is printed first, as `migrate` prints it.
    pub(crate) fn migrate(&mut self, migrator: &Migrator, plugins: &[PluginId]) -> Result<()> {
        let report = migrator.run(&mut self.connection, plugins);
        drop(lock(&self.slot));
        let report = report?;
        for error in report.errors() {
            terminal::error(&command_error::report(error));
        }
        if !report.is_success() {
            bail!("failed to run the migrations in a scratch database; nothing was written");
        }
        Ok(())
    }

    /// Runs the migrations of the plugin's dependencies and creates its schema.
    ///
    /// # Errors
    ///
    /// As [`migrate`](Self::migrate).
    pub(crate) fn prepare(
        &mut self,
        workspace: &Workspace,
        plugin: &WorkspacePlugin,
    ) -> Result<()> {
        let dependencies = &plugin.dependencies;
        if !dependencies.is_empty() {
            let migrator = migrator_for(workspace, dependencies)?;
            self.migrate(&migrator, dependencies)?;
        }
        let schema = plugin.id.schema_name();
        let schema = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
        self.connection.batch_execute(&schema)?;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let database = lock(&self.slot).take();
        drop(database);
    }
}

/// Locks the slot. After Ctrl-C this blocks until the process exits.
fn lock(slot: &Slot) -> MutexGuard<'_, Option<ScratchDatabase>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
