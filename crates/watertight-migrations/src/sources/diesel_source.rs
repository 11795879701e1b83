use diesel::migration::{Migration as DieselMigration, MigrationSource, Result as DieselResult};
use diesel::pg::Pg;

use super::migration::{Migration, MigrationBody};

/// Any of Diesel's migration sources.
pub(super) type DieselSource = Box<dyn MigrationSource<Pg> + Send + Sync>;

/// Returns a Rust migration's name, version and metadata.
pub(crate) fn describe(migration: &dyn DieselMigration<Pg>) -> Migration {
    Migration {
        name: migration.name().to_string(),
        version: migration.name().version().to_string(),
        in_transaction: migration.metadata().run_in_transaction(),
        body: MigrationBody::Rust,
    }
}

/// Asks the source for one of its migrations.
pub(super) fn find(
    source: &DieselSource,
    version: &str,
) -> DieselResult<Box<dyn DieselMigration<Pg>>> {
    let found = source
        .migrations()?
        .into_iter()
        .find(|found| found.name().version().to_string() == version);
    found.ok_or_else(|| "the migration source no longer has this migration".into())
}
