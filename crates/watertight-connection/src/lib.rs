//! Connections to the database that `DATABASE_URL` names.
//!
//! ```no_run
//! use diesel::connection::SimpleConnection;
//! use watertight_connection::DatabaseUrl;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let found = DatabaseUrl::find_here()?;
//! let mut connection = found.url.connect()?;
//! connection.batch_execute("SELECT 1")?;
//! # Ok(())
//! # }
//! ```
//!
//! # URLs and passwords
//!
//! A [`DatabaseUrl`] is what libpq calls a connection string. libpq's environment variables (`PGHOST`, `PGSSLMODE`, …)
//! fill in what it leaves out. Unsupported parameters and variables are rejected by name. `Debug`, `Display` and all
//! errors show `***` instead of the password. A child process gets the URL through its environment:
//! [`DatabaseUrl::expose_secret`] for `DATABASE_URL`, [`DatabaseUrl::pg_environment`] for libpq's programs.
//!
//! # Connections
//!
//! [`DatabaseUrl::connect`] returns a blocking [`Connection`], which works wherever a [`diesel::Connection`] does.
//! [`DatabaseUrl::connect_async`] returns diesel-async's. Neither needs libpq or OpenSSL.
//! [`DatabaseUrl::connect_protocol`] returns a connection for callers that need notices, the completion of each
//! statement, or cancelling. Blocking inside an async task
//! panics: use `spawn_blocking`, or the async connection.
//!
//! Behind a connection pooler in transaction mode, connections share sessions. [`DatabaseUrl::connect_session`] fails
//! there instead of returning a connection whose locks and settings are those of others.
//!
//! # PGlite
//!
//! The embedded database of `watertight-embedded` can be a PGlite, which serves one connection at a time.
//! [`DatabaseUrl::serves_one_connection`] detects this in every process that has its URL, and
//! [`ConnectError::TooManyConnections`] names the process that has the connection.

mod backend_pid;
mod canceller;
mod child_environment;
mod connect;
mod connection;
mod database_url;
mod dot_env;
mod own_session;
mod pglite_marker;
mod protocol_connection;
mod shared_runtime;
mod url_lookup;
mod workspace_root;

pub use canceller::Canceller;
pub use connect::connect_error::ConnectError;
pub use connection::Connection;
pub use database_url::DatabaseUrl;
pub use database_url::database_url_error::DatabaseUrlError;
pub use dot_env::{DotEnvError, variable, variable_in};
pub use pglite_marker::{PgliteHolder, PgliteMarker};
pub use protocol_connection::ProtocolConnection;
pub use shared_runtime::SharedRuntime;
pub use url_lookup::{FoundUrl, UrlLookupError, UrlOrigin};
pub use workspace_root::{WorkspaceError, workspace_root};
