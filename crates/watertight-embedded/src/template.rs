//! Databases that others are copies of.

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, RunQueryDsl as _};

use crate::ScratchDatabase;
use crate::embedded::pglite;
use crate::maintenance::{self, MaintenanceError, refused};
use crate::scratch::unique_name;
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

/// A database for [`ScratchDatabase::from_template`].
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What its name begins with, and so do those of the templates that it takes the place of.
    pub family: &'a str,
    /// The prefix of its name until it is filled, by which a [sweep](ScratchDatabase::sweep) finds it when that was
    /// interrupted.
    pub unfinished: &'a str,
}

impl Template<'_> {
    /// Makes the template unless it is there: `fill` gets an empty database. Others who need it at the same time wait
    /// for it. The rest of the family is dropped.
    ///
    /// # Errors
    /// Those of `fill`; and when the server cannot be reached, or its role may not create databases.
    pub fn ensure<E: From<MaintenanceError> + Send>(
        &self,
        server: &DatabaseUrl,
        fill: impl FnOnce(&DatabaseUrl) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        SharedRuntime::run_blocking(|| match server.pglite() {
            Some(pglite) => {
                let unfinished = unique_name(self.unfinished);
                pglite::ensure_template(&pglite, self.name, self.family, &unfinished, fill)
            }
            None => self.ensure_database(server, fill),
        })
    }

    fn ensure_database<E: From<MaintenanceError>>(
        &self,
        server: &DatabaseUrl,
        fill: impl FnOnce(&DatabaseUrl) -> Result<(), E>,
    ) -> Result<(), E> {
        let refused = || refused("create", self.name);
        let mut connection = maintenance::connect(server).map_err(MaintenanceError::from)?;
        // The lock goes with the connection.
        sql::<Text>("SELECT pg_advisory_lock(hashtextextended(")
            .bind::<Text, _>(self.name)
            .sql(", 0))::text")
            .get_result::<String>(&mut connection)
            .map_err(refused())?;
        if exists(&mut connection, self.name).map_err(refused())? {
            return Ok(());
        }
        let unfinished = ScratchDatabase::create(server, self.unfinished)?;
        fill(unfinished.url())?;
        // The last step, so that a template is either whole or not there.
        unfinished.rename(self.name)?;
        for older in others(&mut connection, self).map_err(refused())? {
            // One that is being copied right now stays until the next time.
            let _ = maintenance::drop_database_if_idle(&mut connection, &older);
        }
        Ok(())
    }
}

fn exists(connection: &mut Connection, database: &str) -> QueryResult<bool> {
    sql::<Bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = ")
        .bind::<Text, _>(database)
        .sql(")")
        .get_result(connection)
}

fn others(connection: &mut Connection, template: &Template<'_>) -> QueryResult<Vec<String>> {
    sql::<Text>("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, ")
        .bind::<Text, _>(template.family)
        .sql(") AND pg_has_role(datdba, 'USAGE') AND datname <> ")
        .bind::<Text, _>(template.name)
        .load(connection)
}
