use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use diesel::connection::SimpleConnection as _;
use watertight_connection::Connection;
use watertight_diagnostics::ErrorReport;
use watertight_embedded::{Database, ScratchDatabase};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

use crate::commands::migrate;
use crate::terminal;
use crate::workspace::Workspace;

/// How the databases begin that commands make for a while.
const PREFIX: &str = "watertight_scratch";
/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

type Slot = Arc<Mutex<Option<ScratchDatabase>>>;

/// Where a command makes its scratch databases: the server of `DATABASE_URL`, or the embedded one.
///
/// One database at a time. It is dropped with its [`Scratch`], and by Ctrl-C; what a killed command has left, the next
/// one drops.
pub(crate) struct ScratchServer {
    database: Database,
    slot: Slot,
}

/// A database that is there for one command.
pub(crate) struct Scratch {
    /// To be used freely.
    pub(crate) connection: Connection,
    slot: Slot,
}

impl ScratchServer {
    /// # Errors
    ///
    /// When there is no server, or Ctrl-C cannot be watched for.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let database = workspace.database()?;
        let slot = Slot::default();
        let ours = Arc::clone(&slot);
        ctrlc::set_handler(move || {
            // Held to the end: what comes of the work after this is of no interest.
            let mut slot = locked(&ours);
            drop(slot.take());
            terminal::remark("interrupted: nothing was written");
            process::exit(INTERRUPTED);
        })
        .context("failed to watch for Ctrl-C")?;
        // Somebody who may not look at the others' databases has none to sweep.
        let _ = ScratchDatabase::sweep(database.url(), PREFIX);
        Ok(Self { database, slot })
    }

    /// An empty database.
    ///
    /// # Errors
    ///
    /// When the role may not create one, or the server does not answer.
    pub(crate) fn create(&self) -> Result<Scratch> {
        // Ctrl-C waits until it is there, and then drops it.
        let mut slot = locked(&self.slot);
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
    /// Runs the migrations of these plugins and of those that they depend on. Their schemas are there afterwards, also
    /// where there are no migrations.
    ///
    /// # Errors
    ///
    /// After what failed is said as `migrate` says it.
    pub(crate) fn migrate(&mut self, migrator: &Migrator, plugins: &[PluginId]) -> Result<()> {
        let report = migrator.run(&mut self.connection, plugins);
        drop(locked(&self.slot));
        let report = report?;
        for error in report.errors() {
            terminal::report(&ErrorReport::new(error));
        }
        if !report.is_success() {
            bail!("failed to run the migrations in a scratch database; nothing was written");
        }
        Ok(())
    }

    /// As [`migrate`](Self::migrate), but of this plugin only the schema is made.
    pub(crate) fn prepare(&mut self, workspace: &Workspace, plugin: PluginId) -> Result<()> {
        let dependencies = workspace.plugin(plugin.as_str())?.dependencies;
        if !dependencies.is_empty() {
            let migrator = migrate::migrator_for(workspace, &dependencies)?;
            self.migrate(&migrator, &dependencies)?;
        }
        let schema = format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", plugin.schema_name());
        self.connection.batch_execute(&schema)?;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let database = locked(&self.slot).take();
        drop(database);
    }
}

/// Waits for ever once Ctrl-C has been pressed.
fn locked(slot: &Slot) -> MutexGuard<'_, Option<ScratchDatabase>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
