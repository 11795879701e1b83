//! A fresh, migrated PostgreSQL database for each test.
//!
//! A test names the plugins that it needs and gets a database of its own with their migrations applied. The database is
//! on the server of `DATABASE_URL` (from the environment or the workspace's `.env`). Without `DATABASE_URL`, it is on the
//! workspace's embedded server, which starts by itself and is shared by all tests.
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
//! # Speed
//!
//! The first test of a set of plugins migrates a template database, and every test gets a copy of it, which takes
//! PostgreSQL some tens of milliseconds. The template is created again when a migration of the set changes.
//!
//! # Without PostgreSQL
//!
//! On a machine without PostgreSQL, each database is a PGlite process of its own with a copy of the template's data, which
//! starts in less than half a second. It serves one connection at a time: a test that needs more checks
//! [`serves_one_connection`].
//!
//! # Debugging a failed test
//!
//! The database is dropped with its `TestDatabase`, also if the test panics. To inspect the database of a failed test, run
//! the test with [`WATERTIGHT_KEEP_DATABASE`](KEEP_VARIABLE) set: the database is kept and its URL is printed. Databases
//! of killed tests are dropped by a later test run.

mod server;
mod setup_error;
mod template;
mod test_database;

pub use server::serves_one_connection;
pub use test_database::{KEEP_VARIABLE, TestDatabase};
