//! Runs, reverts and reports the Diesel migrations of plugins, each against its own history.
//!
//! A plugin owns the schema `plugin_<id>`, and its history is Diesel's table in that schema. A [`Migrator`] is created
//! from the [`PluginMigrations`] of all plugins. [`Migrator::run_on`] opens its own connections and migrates several
//! plugins at a time; [`Migrator::run`] works on any Diesel connection to PostgreSQL ([`PgSession`]).
//!
//! ```
//! use diesel_migrations::{EmbeddedMigrations, embed_migrations};
//! use watertight_metadata::PluginMetadata;
//! use watertight_migrations::{MigrateError, Migrator, PgSession, PluginMigrations};
//!
//! const SHOP: PluginMetadata = PluginMetadata::new("shop");
//! const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
//!
//! fn migrate(connection: &mut impl PgSession) -> Result<(), MigrateError> {
//!     let migrator = Migrator::new(vec![PluginMigrations::new(SHOP, MIGRATIONS)]).expect("the migrations are valid");
//!     migrator.run(connection, &[])?.into_result()?;
//!     Ok(())
//! }
//! ```
//!
//! # How a migration is applied
//!
//! - It is one message: `BEGIN`, a lock, a check that it is not applied yet, its SQL, a guard, its history row,
//!   `COMMIT`. Either it is applied and recorded or nothing happens, even if this process is killed.
//! - With `run_in_transaction = false` in its `metadata.toml`, its statements are sent one by one under a lock of the
//!   session. If one fails, the previous ones stay applied, and the error says so. If this process is killed between
//!   the last statement and the history row, the migration runs again the next time, so write it accordingly: drop
//!   an index with `DROP INDEX CONCURRENTLY IF EXISTS`, then create it. With `IF NOT EXISTS`, an invalid index stays,
//!   and the migration is not recorded.
//! - SQL with a top-level `COMMIT` and the like, with an unterminated quote or comment, or meant for psql, is refused
//!   with its line before anything of its plugin is sent.
//! - Settings that it changes (`search_path`, `role`, any setting that its SQL may change) are restored. On connections
//!   of the runner's own, no setting and nothing temporary reaches the next migration. On a caller's connection there
//!   are two exceptions: settings changed by a function of an earlier migration, which its SQL does not show, and custom
//!   settings that did not exist before, which PostgreSQL can only make empty.
//! - A statement waits for a lock for at most five seconds ([`Migrator::statement_lock_timeout`]), because others queue
//!   behind it. Then its migration is rolled back and tried again, up to ten times.
//! - An error has the file, the line, the column if PostgreSQL's position is plausible, and PostgreSQL's message.
//!   Without a position it names the statement: the one after those that PostgreSQL completed.
//!
//! # Concurrent runs
//!
//! Locks are advisory, one for each plugin, and polled, by default as long as the other run is alive
//! ([`Migrator::lock_timeout`]). A migration that a concurrent
//! run has applied counts as applied. Diesel's own tools work on the same history but do not use these locks.
//!
//! With [`Migrator::run_on`], plugins migrate at the same time. A migration in a transaction that fails with an error that
//! another plugin's migration can cause (both create, replace or grant one shared object, or they deadlock) is applied
//! again, once, when nothing else runs. Plugins that depend on it wait for that.

mod apply;
mod direction;
mod errors;
mod migration_harness;
mod migrator;
mod policy;
mod report;
mod session;
mod sources;
mod sql;

pub use direction::Direction;
pub use errors::{
    DeniedMigration, DeniedMigrations, Drift, DriftedMigration, DriftedMigrations, FailureEffect,
    FailureLocation, LoadError, LockHolder, LockWait, MigrateError, MigrationFailure, NoLock,
    RefusedSql, UnfinishedEffect, UnfinishedMigration, UnrecordedMigration, UnrecordedReason,
};
pub use migration_harness::PluginHarness;
pub use migrator::Migrator;
pub use policy::Policy;
pub use report::{
    AppliedMigration, MigrationPlan, MigrationProgress, MigrationState, MigrationStatus,
    OrderWarning, Outcome, PlannedMigration, PluginReport, PluginStatus, PostgresNotice,
    ProgressWarning, RenumberedMigration, Repair, RepairChange, RepairReason, RunReport,
    SkipReason, status_table, styled_status_table,
};
pub use session::{Interrupt, PgSession};
pub use sources::{
    MAX_VERSION_LENGTH, PluginMigrations, SourceWarning, is_checksum_of, migration_version,
};
