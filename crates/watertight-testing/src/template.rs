use std::error::Error;

use sha2::{Digest, Sha256};
use watertight_connection::DatabaseUrl;
use watertight_embedded::{MaintenanceError, ScratchDatabase, Template};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

/// What a template is called until its migrations have run.
pub(crate) const UNFINISHED: &str = "watertight_template_unfinished";

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A fresh database, called `prefix` and something unique, in which all migrations have run.
///
/// It is a copy of a template, which is made when there is none for these migrations.
pub(crate) fn copy(
    server: &DatabaseUrl,
    prefix: &str,
    migrator: &Migrator,
    fingerprint: &str,
) -> Result<ScratchDatabase> {
    let family = family(migrator);
    let template = Template {
        name: &format!("{family}{}", &fingerprint[..16]),
        family: &family,
        unfinished: UNFINISHED,
    };
    let copy = || -> Result<ScratchDatabase> {
        template.ensure(server, |database| migrate(migrator, database))?;
        Ok(ScratchDatabase::from_template(
            server,
            prefix,
            template.name,
        )?)
    };
    // A test run of other code may replace the template just now.
    copy().or_else(|error| match error.downcast_ref() {
        Some(MaintenanceError::Refused { .. } | MaintenanceError::Pglite(_)) => copy(),
        _ => Err(error),
    })
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
