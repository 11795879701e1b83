use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{QueryResult, RunQueryDsl as _};

use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

use super::maintenance;
use super::maintenance_error::MaintenanceError;
use super::scratch_database::ScratchDatabase;
use super::scratch_name::unique_name;
use crate::embedded::pglite::template as pglite_template;

/// A database to copy with [`ScratchDatabase::from_template`].
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// The name of the database.
    pub name: &'a str,
    /// The prefix of its name that it has in common with the templates that it replaces.
    pub family: &'a str,
    /// The prefix of its name until it is filled, for [`ScratchDatabase::sweep`].
    pub unfinished: &'a str,
}

impl Template<'_> {
    /// Creates the template unless it exists: `fill` gets an empty database. Concurrent callers wait for it. The other
    /// templates of its family are dropped.
    ///
    /// # Errors
    /// Those of `fill`, and when the server cannot be connected to, or the role must not create databases.
    pub fn ensure<E: From<MaintenanceError> + Send>(
        &self,
        server: &DatabaseUrl,
        fill: impl FnOnce(&DatabaseUrl) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        SharedRuntime::run_blocking(|| match server.pglite() {
            Some(pglite) => {
                let unfinished = unique_name(self.unfinished);
                let convert = |error| MaintenanceError::from(error).into();
                pglite_template::ensure(&pglite, self.name, self.family, &unfinished, fill, convert)
            }
            None => self.ensure_database(server, fill),
        })
    }

    fn ensure_database<E: From<MaintenanceError>>(
        &self,
        server: &DatabaseUrl,
        fill: impl FnOnce(&DatabaseUrl) -> Result<(), E>,
    ) -> Result<(), E> {
        let refused = || MaintenanceError::refused("create", self.name);
        let mut connection = maintenance::connect(server).map_err(MaintenanceError::from)?;
        // The lock is released with the connection.
        sql::<Text>("SELECT pg_advisory_lock(hashtextextended(")
            .bind::<Text, _>(self.name)
            .sql(", 0))::text")
            .get_result::<String>(&mut connection)
            .map_err(refused())?;
        if maintenance::exists(&mut connection, self.name).map_err(refused())? {
            return Ok(());
        }
        let unfinished = ScratchDatabase::create(server, self.unfinished)?;
        fill(unfinished.url())?;
        // The last step, so that a template is always complete.
        unfinished.rename(self.name)?;
        for older in others(&mut connection, self).map_err(refused())? {
            // One that is being copied is dropped the next time.
            let _ = maintenance::drop_database_if_idle(&mut connection, &older);
        }
        Ok(())
    }
}

fn others(connection: &mut Connection, template: &Template<'_>) -> QueryResult<Vec<String>> {
    sql::<Text>("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, ")
        .bind::<Text, _>(template.family)
        .sql(") AND pg_has_role(datdba, 'USAGE') AND datname <> ")
        .bind::<Text, _>(template.name)
        .load(connection)
}
