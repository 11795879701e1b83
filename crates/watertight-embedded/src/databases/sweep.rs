//! Dropping the scratch databases of killed processes.

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, RunQueryDsl as _};
use postgres_protocol::escape::escape_literal;
use watertight_connection::{Connection, DatabaseUrl};

use super::maintenance;
use super::maintenance_error::MaintenanceError;
use super::scratch_name::{is_scratch, truncated};
use crate::embedded::pglite::instance_folders;

/// The comment on a database that [`sweep`] must not drop.
pub(super) const KEPT: &str = "kept by watertight";

pub(super) fn sweep(server: &DatabaseUrl, prefix: &str) -> Result<Vec<String>, MaintenanceError> {
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
pub(super) fn lock(connection: &mut Connection, function: &str, name: &str) -> QueryResult<bool> {
    sql::<Bool>(&format!("SELECT {function}(hashtextextended("))
        .bind::<Text, _>(name)
        .sql(", 0))")
        .get_result(connection)
}
