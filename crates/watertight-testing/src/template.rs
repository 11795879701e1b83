use sha2::{Digest, Sha256};
use watertight_connection::DatabaseUrl;
use watertight_embedded::{MaintenanceError, ScratchDatabase, Template};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

use crate::setup_error::SetupError;

/// The prefix of a template's name until its migrations are applied.
pub(crate) const UNFINISHED: &str = "watertight_template_unfinished";

/// Creates a database with all migrations applied, whose name is `prefix` and a unique suffix.
///
/// It is a copy of a template, which is created first if these migrations have none.
pub(crate) fn copy(
    server: &DatabaseUrl,
    prefix: &str,
    migrator: &Migrator,
    fingerprint: &str,
) -> Result<ScratchDatabase, SetupError> {
    let family = family(migrator);
    let template = Template {
        name: &format!("{family}{}", &fingerprint[..16]),
        family: &family,
        unfinished: UNFINISHED,
    };
    let copy = || -> Result<ScratchDatabase, SetupError> {
        template.ensure(server, |database| migrate(migrator, database))?;
        Ok(ScratchDatabase::from_template(
            server,
            prefix,
            template.name,
        )?)
    };
    // Another test run, with other migrations, may replace the template between the two steps.
    copy().or_else(|error| match error {
        SetupError::Maintenance(MaintenanceError::Refused { .. } | MaintenanceError::Pglite(_)) => {
            copy()
        }
        _ => Err(error),
    })
}

/// Applies all migrations to a database.
pub(crate) fn migrate(migrator: &Migrator, database: &DatabaseUrl) -> Result<(), SetupError> {
    let mut connection = database.connect()?;
    migrator.run(&mut connection, &[])?.into_result()?;
    Ok(())
}

/// Returns the prefix of all templates of these plugins, whatever their migrations are.
fn family(migrator: &Migrator) -> String {
    let ids: Vec<&str> = migrator.plugins().map(PluginId::as_str).collect();
    let digest = base16ct::lower::encode_string(&Sha256::digest(ids.join(" ")));
    format!("watertight_template_{}_", &digest[..16])
}
