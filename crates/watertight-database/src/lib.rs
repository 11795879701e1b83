//! Where the database comes from: `DATABASE_URL`, `.env`, or a PostgreSQL server that the workspace has for
//! itself.
//!
//! ```no_run
//! use diesel::connection::SimpleConnection;
//! use watertight_database::{Database, workspace_root};
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
//! [`Database::find`] takes the first of: `DATABASE_URL` in the environment, `DATABASE_URL` in the workspace's
//! `.env`, the [`EmbeddedServer`]. Keep the [`Database`] as long as you use it: while it lives, the
//! embedded server stays up.
//!
//! # URLs and passwords
//!
//! A [`DatabaseUrl`] is what libpq calls a connection string. libpq's variables (`PGHOST`, `PGSSLMODE`, …)
//! fill in what it leaves out; a parameter or variable that cannot be honoured is refused by name. Its
//! `Debug` and `Display`, and every error, show `***` for the password. A child process gets it through
//! its environment: [`DatabaseUrl::expose_secret`] for `DATABASE_URL`, [`DatabaseUrl::pg_environment`] for
//! libpq's programs.
//!
//! # Connections
//!
//! [`DatabaseUrl::connect`] gives a blocking [`Connection`], which any code that is generic over
//! [`diesel::Connection`] takes; [`DatabaseUrl::connect_async`] gives diesel-async's. Neither needs libpq or
//! OpenSSL to be installed. Blocking inside an async task panics: use `spawn_blocking` there, or the
//! async one. [`EmbeddedServer`], [`ScratchDatabase`] and [`recreate_database`] can be used anywhere.
//!
//! # A PGlite
//!
//! Where the machine has no PostgreSQL, the embedded server is a PGlite, which serves one connection at a time.
//! [`DatabaseUrl::serves_one_connection`] says so in every process that has its URL, and
//! [`ConnectError::TooManyConnections`] who has the connection. It is built when it is first needed:
//! [`Database::find_with`] tells of that.
//!
//! # Databases for a while
//!
//! A [`ScratchDatabase`] is dropped with its value; [`ScratchDatabase::sweep`] drops those of processes that
//! were killed.

mod connect;
mod embedded;
mod find;
mod maintenance;
mod parameters;
mod passfile;
mod runtime;
mod scratch;
mod settings;
mod template;
mod tls;
mod url;
mod values;
mod workspace;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

pub use connect::ConnectError;
pub use embedded::{
    DumpError, EMBEDDED_VARIABLE, EmbeddedError, EmbeddedKind, EmbeddedServer, EmbeddedStatus,
    Progress, RunningServer, usual_binary_folders,
};
pub use find::{Database, DatabaseError, Origin, variable};
pub use maintenance::{MaintenanceError, recreate_database};
pub use runtime::SharedRuntime;
pub use scratch::ScratchDatabase;
pub use template::Template;
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use workspace::{WorkspaceError, workspace_root};

/// A blocking connection: a [`diesel::Connection`] to PostgreSQL that needs no libpq.
///
/// It must not be used inside an async task: see [`SharedRuntime`].
pub type Connection = AsyncConnectionWrapper<AsyncPgConnection, SharedRuntime>;
