//! Why migrations cannot be loaded, applied or reverted.

mod drifted_migrations;
mod failure_location;
pub(crate) mod invalid_indexes;
mod load_error;
mod lock_holder;
mod migrate_error;
mod migration_failure;
mod refused_sql;
mod sqlstate;
mod unfinished_migration;
mod unrecorded_migration;

pub use drifted_migrations::{Drift, DriftedMigration, DriftedMigrations};
pub use failure_location::FailureLocation;
pub use load_error::LoadError;
pub use lock_holder::LockHolder;
pub use migrate_error::MigrateError;
pub use migration_failure::{FailureEffect, MigrationFailure};
pub use refused_sql::RefusedSql;
pub use unfinished_migration::{UnfinishedEffect, UnfinishedMigration};
pub use unrecorded_migration::{UnrecordedMigration, UnrecordedReason};
