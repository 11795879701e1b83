//! A fresh, migrated PostgreSQL database for each test.
//!
//! A test names the plugins that it needs and gets a database of its own, in which their migrations have
//! run. Nothing has to be prepared: the database lies on the server of `DATABASE_URL` (from the
//! environment or the workspace's `.env`), else on the workspace's embedded server, which starts by
//! itself and which all tests share.
//!
//! ```
//! use diesel::connection::SimpleConnection;
//! use watertight_migrations::PluginMigrations;
//! use watertight_testing::TestDatabase;
//! # use diesel_migrations::{EmbeddedMigrations, embed_migrations};
//! # use watertight_metadata::PluginMetadata;
//! # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("notes");
//! # const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
//!
//! let database = TestDatabase::new(vec![PluginMigrations::new(PLUGIN_METADATA, MIGRATIONS)]);
//! let mut connection = database.connect();
//! connection.batch_execute("INSERT INTO plugin_notes.notes VALUES ('first')")?;
//! # Ok::<(), diesel::result::Error>(())
//! ```
//!
//! # What it costs
//!
//! The first test that needs a set of plugins migrates a template database; every other one is a copy of
//! that template, which PostgreSQL makes in some tens of milliseconds. A template is made anew when a
//! migration of the set changes.
//!
//! # Without PostgreSQL
//!
//! On a machine without PostgreSQL each database is a PGlite of its own, a process that starts in less than half a second
//! with a copy of the template's data, so that tests need not take turns. It serves one connection at a time:
//! [`serves_one_connection`] is for tests that need more.
//!
//! # When a test fails
//!
//! The database is dropped when the `TestDatabase` is, also when the test panics. To look into the
//! database of a failed test, run it with [`WATERTIGHT_KEEP_DATABASE`](KEEP_VARIABLE) set: the database
//! stays, and its URL is printed. What a killed test leaves behind, a later one drops.

mod server;
mod template;
mod test_database;

pub use server::serves_one_connection;
pub use test_database::{KEEP_VARIABLE, TestDatabase};
