//! Databases for a while.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, RunQueryDsl as _};

use crate::embedded::pglite::{self, Instance};
use crate::maintenance::{self, MaintenanceError, refused};
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

/// Sixteen hexadecimal digits follow the prefix.
const SUFFIX_DIGITS: usize = 16;
/// PostgreSQL cuts names at 63 bytes.
const LONGEST_PREFIX: usize = 63 - SUFFIX_DIGITS - 1;

/// Marks a database that [`sweep`](ScratchDatabase::sweep) has to leave alone.
const KEPT: &str = "kept by watertight";

/// A fresh database that is dropped when this is.
///
/// On PostgreSQL, a connection holds a lock that stands for the database's name while it lives; so
/// [`sweep`](Self::sweep) can tell the databases of killed processes from those in use. On a PGlite, which serves one
/// connection, it is a PGlite of its own. All of it can be used inside an async task.
pub struct ScratchDatabase {
    url: DatabaseUrl,
    keeper: Keeper,
}

enum Keeper {
    Connection(Box<Connection>),
    Pglite(Instance),
    /// The database is not to be dropped.
    Nobody,
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
    /// Creates an empty database on the server of `server`, called `prefix`, `_`, and something unique. Of a
    /// long prefix the first 46 bytes are used.
    ///
    /// # Errors
    /// When the server cannot be reached, or its role may not create databases.
    pub fn create(server: &DatabaseUrl, prefix: &str) -> Result<Self, MaintenanceError> {
        SharedRuntime::run_blocking(|| Self::make(server, prefix, None))
    }

    /// As [`create`](Self::create), as a copy of the database `template`, to which nobody may be connected.
    ///
    /// # Errors
    /// As [`create`](Self::create), and when the template is missing or in use.
    pub fn from_template(
        server: &DatabaseUrl,
        prefix: &str,
        template: &str,
    ) -> Result<Self, MaintenanceError> {
        SharedRuntime::run_blocking(|| Self::make(server, prefix, Some(template)))
    }

    fn make(
        server: &DatabaseUrl,
        prefix: &str,
        template: Option<&str>,
    ) -> Result<Self, MaintenanceError> {
        let name = unique_name(prefix);
        if let Some(pglite) = server.pglite() {
            let template = template.map(|template| pglite::template(&pglite, template));
            let instance = Instance::start(&pglite, &name, template.as_deref())?;
            return Ok(Self {
                url: instance.url(),
                keeper: Keeper::Pglite(instance),
            });
        }
        let mut keeper = maintenance::connect(server)?;
        maintenance::check_createdb(&mut keeper, &name)?;
        // Before the database is there, so that no sweep can see it without the lock.
        lock(&mut keeper, "pg_try_advisory_lock", &name).map_err(refused("create", &name))?;
        maintenance::create_database(&mut keeper, &name, template)?;
        Ok(Self {
            url: server.with_database(&name),
            keeper: Keeper::Connection(Box::new(keeper)),
        })
    }

    /// The database's URL.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Leaves the database there, also when it is swept later.
    ///
    /// # Errors
    /// When the server cannot be told; then the database is dropped. A PGlite always ends with its maker.
    pub fn keep(mut self) -> Result<DatabaseUrl, MaintenanceError> {
        let name = self.url.database_name().to_owned();
        let comment = format!(
            "COMMENT ON DATABASE {} IS '{KEPT}'",
            maintenance::quoted(&name)
        );
        SharedRuntime::run_blocking(|| match &mut self.keeper {
            Keeper::Connection(keeper) => keeper
                .batch_execute(&comment)
                .map_err(refused("keep", &name)),
            Keeper::Pglite(_) => Err(MaintenanceError::NotKept),
            Keeper::Nobody => Ok(()),
        })?;
        self.keeper = Keeper::Nobody;
        Ok(self.url.clone())
    }

    /// Gives the database the name `name`, and leaves it there.
    pub(crate) fn rename(mut self, name: &str) -> Result<(), MaintenanceError> {
        let old = self.url.database_name();
        if let Keeper::Connection(keeper) = &mut self.keeper {
            maintenance::rename_database(keeper, old, name)?;
        }
        self.keeper = Keeper::Nobody;
        Ok(())
    }

    /// Drops the scratch databases with this prefix whose makers are gone. Gives their names.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses to drop one.
    pub fn sweep(server: &DatabaseUrl, prefix: &str) -> Result<Vec<String>, MaintenanceError> {
        SharedRuntime::run_blocking(|| sweep(server, prefix))
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let keeper = std::mem::replace(&mut self.keeper, Keeper::Nobody);
        let url = self.url.clone();
        SharedRuntime::run_blocking(move || match keeper {
            // Nobody is left to tell of an error; a sweep will find what stays.
            Keeper::Connection(mut keeper) => {
                if maintenance::drop_database(&mut keeper, url.database_name()).is_err()
                    && let Ok(mut connection) = maintenance::connect(&url)
                {
                    let _ = maintenance::drop_database(&mut connection, url.database_name());
                }
            }
            Keeper::Pglite(instance) => drop(instance),
            Keeper::Nobody => {}
        });
    }
}

const SWEEPABLE: &str = "SELECT datname::text FROM pg_database
    WHERE pg_has_role(datdba, 'USAGE')
        AND shobj_description(oid, 'pg_database') IS DISTINCT FROM 'kept by watertight'
        AND starts_with(datname::text, ";

fn sweep(server: &DatabaseUrl, prefix: &str) -> Result<Vec<String>, MaintenanceError> {
    let prefix = shortened(prefix);
    if let Some(pglite) = server.pglite() {
        return Ok(pglite::sweep(&pglite, |name| is_scratch(name, prefix))?);
    }
    let mut connection = maintenance::connect(server)?;
    let names =
        sweepable(&mut connection, &format!("{prefix}_")).map_err(refused("sweep", prefix))?;
    let mut dropped = Vec::new();
    for name in names.into_iter().filter(|name| is_scratch(name, prefix)) {
        if !lock(&mut connection, "pg_try_advisory_lock", &name).map_err(refused("sweep", &name))? {
            continue;
        }
        // Its maker may have kept or dropped it since.
        let names = sweepable(&mut connection, &name).map_err(refused("sweep", &name))?;
        if names.contains(&name) {
            maintenance::drop_database(&mut connection, &name)?;
            dropped.push(name.clone());
        }
        lock(&mut connection, "pg_advisory_unlock", &name).map_err(refused("sweep", &name))?;
    }
    Ok(dropped)
}

fn sweepable(connection: &mut Connection, beginning: &str) -> QueryResult<Vec<String>> {
    sql::<Text>(SWEEPABLE)
        .bind::<Text, _>(beginning)
        .sql(")")
        .load(connection)
}

/// Calls one of PostgreSQL's functions on the lock that stands for the database `name`.
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

pub(crate) fn unique_name(prefix: &str) -> String {
    // The keys of a `RandomState` come from the system's random numbers.
    let random = RandomState::new().hash_one((std::process::id(), SystemTime::now()));
    format!("{}_{random:016x}", shortened(prefix))
}

fn shortened(prefix: &str) -> &str {
    &prefix[..prefix.floor_char_boundary(LONGEST_PREFIX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_recognised_and_not_cut() {
        let long = "ä".repeat(40);
        for prefix in ["watertight_test", &long] {
            let (one, other) = (unique_name(prefix), unique_name(prefix));
            assert_ne!(one, other);
            assert!(one.len() <= 63);
            assert!(is_scratch(&one, shortened(prefix)));
        }
        assert!(!is_scratch(
            "watertight_test_a_0123456789abcdef",
            "watertight_test"
        ));
        assert!(!is_scratch("watertight_test_template", "watertight_test"));
    }
}
