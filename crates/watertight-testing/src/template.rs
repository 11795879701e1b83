use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use sha2::{Digest, Sha256};
use watertight_database::{Connection, DatabaseUrl, MaintenanceError, ScratchDatabase};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

/// What a template is called until its migrations have run.
pub(crate) const UNFINISHED: &str = "watertight_template_unfinished";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A fresh database, called `prefix` and something unique, in which all migrations have run.
///
/// It is a copy of a template, which is made when there is none for these migrations.
pub(crate) fn copy(
    server: &DatabaseUrl,
    prefix: &str,
    migrator: &Migrator,
    fingerprint: &str,
) -> Result<ScratchDatabase> {
    let template = format!("{}{}", family(migrator), &fingerprint[..16]);
    ensure(server, migrator, &template)?;
    match ScratchDatabase::from_template(server, prefix, &template) {
        // A test run of other code may have replaced the template just now.
        Err(MaintenanceError::Refused { .. }) => {
            ensure(server, migrator, &template)?;
            Ok(ScratchDatabase::from_template(server, prefix, &template)?)
        }
        copied => Ok(copied?),
    }
}

/// Runs all migrations in a database.
pub(crate) fn migrate(migrator: &Migrator, database: &DatabaseUrl) -> Result<()> {
    let mut connection = database.connect()?;
    migrator.run(&mut connection, &[])?.into_result()?;
    Ok(())
}

/// What the names of all templates of these plugins begin with, whatever their migrations are.
fn family(migrator: &Migrator) -> String {
    let ids: Vec<&str> = migrator.plugins().map(PluginId::as_str).collect();
    let digest = Sha256::digest(ids.join(" "));
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("watertight_template_{number:016x}_")
}

/// Makes the template unless it is there. Others who need it at the same time wait for it.
fn ensure(server: &DatabaseUrl, migrator: &Migrator, template: &str) -> Result<()> {
    let mut connection = server.with_database("postgres").connect()?;
    // The lock goes with the connection.
    sql_query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(template)
        .execute(&mut connection)?;
    if exists(&mut connection, template)? {
        return Ok(());
    }
    let unfinished = ScratchDatabase::create(server, UNFINISHED)?;
    migrate(migrator, unfinished.url())?;
    // The last step, so that a template is either whole or not there.
    connection.batch_execute(&format!(
        "ALTER DATABASE \"{}\" RENAME TO \"{template}\"",
        unfinished.url().database_name()
    ))?;
    drop_older(&mut connection, &family(migrator), template)
}

/// Drops the templates that these plugins had before their migrations changed.
fn drop_older(connection: &mut Connection, family: &str, template: &str) -> Result<()> {
    let older: Vec<Name> = sql_query(
        "SELECT datname::text AS name FROM pg_database \
         WHERE starts_with(datname::text, $1) AND datname <> $2 AND pg_has_role(datdba, 'USAGE')",
    )
    .bind::<Text, _>(family)
    .bind::<Text, _>(template)
    .load(connection)?;
    for Name { name } in older {
        // One that is being copied right now stays until the next time.
        let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS \"{name}\""));
    }
    Ok(())
}

fn exists(connection: &mut Connection, database: &str) -> Result<bool> {
    let found: Found =
        sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS found")
            .bind::<Text, _>(database)
            .get_result(connection)?;
    Ok(found.found)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}
