use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, RunQueryDsl as _};

use postgres_protocol::escape::{escape_identifier, escape_literal};
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

use super::maintenance;
use super::maintenance_error::MaintenanceError;
use crate::embedded::pglite::instance::Instance;
use crate::embedded::pglite::instance_folders;
use crate::embedded::pglite::template;

/// The number of hexadecimal digits after the prefix.
const SUFFIX_DIGITS: usize = 16;
/// PostgreSQL truncates names to 63 bytes.
const MAX_PREFIX: usize = 63 - SUFFIX_DIGITS - 1;

/// The comment on a database that [`sweep`](ScratchDatabase::sweep) must not drop.
const KEPT: &str = "kept by watertight";

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
        lock(&mut keeper, "pg_try_advisory_lock", &name)
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
            escape_literal(KEPT)
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
        SharedRuntime::run_blocking(|| sweep(server, prefix))
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

fn sweep(server: &DatabaseUrl, prefix: &str) -> Result<Vec<String>, MaintenanceError> {
    let prefix = truncated(prefix);
    if let Some(pglite) = server.pglite() {
        return Ok(instance_folders::sweep(&pglite, |name| {
            is_scratch(name, prefix)
        })?);
    }
    let mut connection = maintenance::connect(server)?;
    let names = sweepable(&mut connection, &format!("{prefix}_"))
        .map_err(MaintenanceError::refused("sweep", prefix))?;
    let mut dropped = Vec::new();
    for name in names.into_iter().filter(|name| is_scratch(name, prefix)) {
        if !lock(&mut connection, "pg_try_advisory_lock", &name)
            .map_err(MaintenanceError::refused("sweep", &name))?
        {
            continue;
        }
        // It may have been kept or dropped since.
        let names =
            sweepable(&mut connection, &name).map_err(MaintenanceError::refused("sweep", &name))?;
        if names.contains(&name) {
            maintenance::drop_database(&mut connection, &name)?;
            dropped.push(name.clone());
        }
        lock(&mut connection, "pg_advisory_unlock", &name)
            .map_err(MaintenanceError::refused("sweep", &name))?;
    }
    Ok(dropped)
}

fn sweepable(connection: &mut Connection, start: &str) -> QueryResult<Vec<String>> {
    let query = format!(
        "SELECT datname::text FROM pg_database
        WHERE pg_has_role(datdba, 'USAGE')
            AND shobj_description(oid, 'pg_database') IS DISTINCT FROM {}
            AND starts_with(datname::text, ",
        escape_literal(KEPT)
    );
    sql::<Text>(&query)
        .bind::<Text, _>(start)
        .sql(")")
        .load(connection)
}

/// Calls a function of PostgreSQL on the advisory lock for the database `name`.
fn lock(connection: &mut Connection, function: &str, name: &str) -> QueryResult<bool> {
    sql::<Bool>(&format!("SELECT {function}(hashtextextended("))
        .bind::<Text, _>(name)
        .sql(", 0))")
        .get_result(connection)
}

fn is_scratch(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|suffix| {
            suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

pub(super) fn unique_name(prefix: &str) -> String {
    // The keys of a `RandomState` are random numbers of the operating system.
    let random = RandomState::new().hash_one((std::process::id(), SystemTime::now()));
    format!("{}_{random:016x}", truncated(prefix))
}

fn truncated(prefix: &str) -> &str {
    &prefix[..prefix.floor_char_boundary(MAX_PREFIX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_recognised_and_not_truncated() {
        let long = "ä".repeat(40);
        for prefix in ["watertight_test", &long] {
            let (one, other) = (unique_name(prefix), unique_name(prefix));
            assert_ne!(one, other);
            assert!(one.len() <= 63);
            assert!(is_scratch(&one, truncated(prefix)));
        }
        assert!(!is_scratch(
            "watertight_test_a_0123456789abcdef",
            "watertight_test"
        ));
        assert!(!is_scratch("watertight_test_template", "watertight_test"));
    }
}
