//! Runs, reverts and reports the Diesel migrations of plugins, each against its own history.
//!
//! A plugin owns the schema `plugin_<id>`; its history is Diesel's table in that schema. A [`Migrator`] is made of
//! [`Plugin`]s and works on any Diesel connection to PostgreSQL ([`PgSession`]).
//!
//! ```
//! use diesel_migrations::{EmbeddedMigrations, embed_migrations};
//! use watertight_metadata::PluginMetadata;
//! use watertight_migrations::{MigrateError, Migrator, PgSession, Plugin};
//!
//! const SHOP: PluginMetadata = PluginMetadata::new("shop");
//! const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
//!
//! fn migrate(connection: &mut impl PgSession) -> Result<(), MigrateError> {
//!     let migrator = Migrator::new(vec![Plugin::new(SHOP, MIGRATIONS)]).expect("the migrations are in order");
//!     migrator.run(connection, &[])?.into_result()?;
//!     Ok(())
//! }
//! ```
//!
//! # What happens to a migration
//!
//! - It is one message: `BEGIN`, a lock, a check that it is not applied yet, its SQL, a guard, its history row,
//!   `COMMIT`. It is applied and recorded, or neither, also when this process is killed.
//! - `run_in_transaction = false` in its `metadata.toml` sends its statements one by one, under a lock of the session.
//!   When it fails, the statements before stay, and the error says so. When this process is killed between the last
//!   statement and the history row, it runs again next time: write such a migration so that it can, with `IF NOT EXISTS`.
//! - SQL with a top-level `COMMIT` and the like, with a quote or comment that never ends, or meant for psql, is refused
//!   with its line before anything of its plugin is sent.
//! - What it sets (`search_path`, `role`, any setting that its SQL mentions changing) is put back to what it was. What a
//!   function sets that an earlier migration created cannot be seen in its SQL and stays; so does a setting that did not
//!   exist before, which PostgreSQL can only make empty.
//! - An error shows the file, the line, the column where PostgreSQL's position can be believed, and what PostgreSQL said.
//!   Without a position the statements run once more, one by one, in a transaction that is rolled back.
//!
//! # Two runs at once
//!
//! Locks are advisory, one for each plugin, and polled until [`Migrator::lock_timeout`]. A migration that another run has
//! applied meanwhile counts as applied. Diesel's own tools work on the same history, but do not know these locks.

mod change;
mod code;
mod explain;
mod failure;
mod folder;
mod harness;
mod history;
mod json;
mod load_error;
mod lock;
mod message;
mod migrate_error;
mod migration;
mod migrator;
mod next;
mod one_by_one;
mod options;
mod plan;
mod plugin;
mod progress;
mod provision;
mod recorder;
mod report;
mod revert;
mod run;
mod schedule;
mod session;
mod settings;
mod sql;
mod state;
mod statements;
mod status;
mod text;

pub use failure::{FailurePlace, MigrationFailure, RefusedSql, Remains, SourceLine};
pub use harness::PluginHarness;
pub use load_error::LoadError;
pub use lock::Holder;
pub use migrate_error::MigrateError;
pub use migrator::Migrator;
pub use plan::{Plan, PlannedMigration};
pub use plugin::Plugin;
pub use progress::{Direction, Progress};
pub use report::{AppliedMigration, Outcome, PluginReport, RunReport, SkipReason};
pub use session::PgSession;
pub use status::{MigrationState, MigrationStatus, PluginStatus};
pub use text::statuses_text;
