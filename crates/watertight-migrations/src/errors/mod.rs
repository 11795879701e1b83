//! Why migrations cannot be loaded, applied or reverted.

mod denied_migrations;
mod drifted_migrations;
mod failure_location;
pub(crate) mod invalid_indexes;
mod load_error;
mod lock_holder;
mod lock_wait;
mod migrate_error;
mod migration_failure;
mod no_lock;
mod refused_sql;
mod sqlstate;
mod unfinished_migration;
mod unrecorded_migration;

pub use denied_migrations::{DeniedMigration, DeniedMigrations};
pub use drifted_migrations::{Drift, DriftedMigration, DriftedMigrations};
pub use failure_location::FailureLocation;
pub use load_error::LoadError;
pub use lock_holder::LockHolder;
pub use lock_wait::LockWait;
pub use migrate_error::MigrateError;
pub use migration_failure::{FailureEffect, MigrationFailure};
pub use no_lock::NoLock;
pub use refused_sql::RefusedSql;
pub(crate) use sqlstate::is_lock_timeout;
pub use unfinished_migration::{UnfinishedEffect, UnfinishedMigration};
pub use unrecorded_migration::{UnrecordedMigration, UnrecordedReason};
