use std::fmt;

use diesel::connection::SimpleConnection as _;
use postgres_protocol::escape::{escape_identifier, escape_literal};
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

use super::maintenance;
use super::maintenance_error::MaintenanceError;
use super::scratch_name::unique_name;
use super::sweep;
use crate::embedded::pglite::instance::Instance;
use crate::embedded::pglite::template;

/// A new database that is dropped with this value.
///
/// On PostgreSQL, a connection holds an advisory lock for the database's name, by which [`sweep`](Self::sweep)
/// distinguishes the databases of killed processes from those in use. On a PGlite, which serves one connection, it is a
/// PGlite of its own. All methods work inside an async task.
pub struct ScratchDatabase {
    url: DatabaseUrl,
    keeper: Keeper,
}

enum Keeper {
    Connection(Box<Connection>),
    Pglite(Instance),
    /// The database is not dropped.
    None,
}

impl fmt::Debug for ScratchDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ScratchDatabase")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl ScratchDatabase {
    /// Creates an empty database on the server of `server`. Its name is `prefix`, `_`, and a unique suffix. A prefix is
    /// truncated to 46 bytes.
    ///
    /// # Errors
    /// When the server cannot be connected to, or the role must not create databases.
    pub fn create(server: &DatabaseUrl, prefix: &str) -> Result<Self, MaintenanceError> {
        SharedRuntime::run_blocking(|| Self::create_with(server, prefix, None))
    }

    /// As [`create`](Self::create), as a copy of the database `template`, which must not be in use.
    ///
    /// # Errors
    /// As [`create`](Self::create), and when the template is missing or in use.
    pub fn from_template(
        server: &DatabaseUrl,
        prefix: &str,
        template: &str,
    ) -> Result<Self, MaintenanceError> {
        SharedRuntime::run_blocking(|| Self::create_with(server, prefix, Some(template)))
    }

    fn create_with(
        server: &DatabaseUrl,
        prefix: &str,
        template: Option<&str>,
    ) -> Result<Self, MaintenanceError> {
        let name = unique_name(prefix);
        if let Some(pglite) = server.pglite() {
            let template = template.map(|template| template::path(&pglite, template));
            let instance = Instance::start(&pglite, &name, template.as_deref())?;
            return Ok(Self {
                url: instance.url(),
                keeper: Keeper::Pglite(instance),
            });
        }
        let mut keeper = maintenance::connect(server)?;
        maintenance::check_createdb(&mut keeper, &name)?;
        // Before the database exists, so that no sweep sees it without the lock.
        sweep::lock(&mut keeper, "pg_try_advisory_lock", &name)
            .map_err(MaintenanceError::refused("create", &name))?;
        maintenance::create_database(&mut keeper, &name, template)?;
        Ok(Self {
            url: server.with_database(&name),
            keeper: Keeper::Connection(Box::new(keeper)),
        })
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Keeps the database, which is not swept either, and returns its URL.
    ///
    /// # Errors
    /// When the server rejects it, and on a PGlite, which always ends with this process. The database is dropped then.
    pub fn keep(mut self) -> Result<DatabaseUrl, MaintenanceError> {
        let name = self.url.database_name().to_owned();
        let comment = format!(
            "COMMENT ON DATABASE {} IS {}",
            escape_identifier(&name),
            escape_literal(sweep::KEPT)
        );
        SharedRuntime::run_blocking(|| match &mut self.keeper {
            Keeper::Connection(keeper) => keeper
                .batch_execute(&comment)
                .map_err(MaintenanceError::refused("keep", &name)),
            Keeper::Pglite(_) => Err(MaintenanceError::NotKept),
            Keeper::None => Ok(()),
        })?;
        self.keeper = Keeper::None;
        Ok(self.url.clone())
    }

    /// Renames the database, and keeps it.
    pub(super) fn rename(mut self, name: &str) -> Result<(), MaintenanceError> {
        let old = self.url.database_name();
        if let Keeper::Connection(keeper) = &mut self.keeper {
            maintenance::rename_database(keeper, old, name)?;
        }
        self.keeper = Keeper::None;
        Ok(())
    }

    /// Drops the scratch databases with this prefix whose processes were killed, and returns their names.
    ///
    /// # Errors
    /// When the server cannot be connected to, or rejects it.
    pub fn sweep(server: &DatabaseUrl, prefix: &str) -> Result<Vec<String>, MaintenanceError> {
        SharedRuntime::run_blocking(|| sweep::sweep(server, prefix))
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let keeper = std::mem::replace(&mut self.keeper, Keeper::None);
        let url = self.url.clone();
        SharedRuntime::run_blocking(move || match keeper {
            // Errors are ignored: a sweep drops what remains.
            Keeper::Connection(mut keeper) => {
                if maintenance::drop_database(&mut keeper, url.database_name()).is_err()
                    && let Ok(mut connection) = maintenance::connect(&url)
                {
                    let _ = maintenance::drop_database(&mut connection, url.database_name());
                }
            }
            Keeper::Pglite(instance) => drop(instance),
            Keeper::None => {}
        });
    }
}
