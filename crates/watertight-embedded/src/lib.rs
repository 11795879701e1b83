//! Databases for development: an embedded PostgreSQL for each workspace, and scratch databases.
//!
//! ```no_run
//! use diesel::connection::SimpleConnection;
//! use watertight_connection::workspace_root;
//! use watertight_embedded::Database;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::find(&workspace_root()?)?;
//! let mut connection = database.url().connect()?;
//! connection.batch_execute("SELECT 1")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Which database
//!
//! [`Database::find`] uses the first of: `DATABASE_URL` in the environment, `DATABASE_URL` in the workspace's `.env`,
//! the [`EmbeddedServer`]. Keep the [`Database`] while you use it: the embedded server runs as long as it is alive.
//!
//! # PGlite
//!
//! On a machine without PostgreSQL, the embedded server is a PGlite, which serves one connection at a time. It is built
//! when it is first needed, which [`Database::find_with`] reports.
//!
//! # Scratch databases
//!
//! A [`ScratchDatabase`] is dropped with its value. [`ScratchDatabase::sweep`] drops those of killed processes.
//!
//! Unlike a blocking connection, [`EmbeddedServer`], [`ScratchDatabase`], [`recreate_database`] and
//! [`create_missing_database`] also work inside an async task.

mod database;
mod databases;
mod embedded;

pub use database::{Database, DatabaseError, DatabaseOrigin};
pub use databases::maintenance::{create_missing_database, recreate_database};
pub use databases::maintenance_error::MaintenanceError;
pub use databases::scratch_database::ScratchDatabase;
pub use databases::template::Template;
pub use embedded::embedded_server::EmbeddedServer;
pub use embedded::pglite::request::{DumpError, cancel_on_pglite, dump_pglite};
pub use embedded::postgresql::binaries::usual_binary_folders;
pub use embedded::state::embedded_error::EmbeddedError;
pub use embedded::state::embedded_kind::{EMBEDDED_VARIABLE, EmbeddedKind};
pub use embedded::state::embedded_progress::EmbeddedProgress;
pub use embedded::state::embedded_status::{EmbeddedServerProcess, EmbeddedStatus};
