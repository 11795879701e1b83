//! Where the database comes from.

mod connect;
mod embedded;
mod find;
mod parameters;
mod passfile;
mod runtime;
mod settings;
mod tls;
mod url;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

pub use connect::ConnectError;
pub use embedded::{
    EmbeddedError, EmbeddedServer, EmbeddedStatus, RunningServer, usual_binary_folders,
};
pub use find::{Database, DatabaseError, Origin};
pub use runtime::SharedRuntime;
pub use url::{DatabaseUrl, DatabaseUrlError};

/// A blocking connection: a [`diesel::Connection`] to PostgreSQL that needs no libpq.
///
/// It must not be used inside an async task: see [`SharedRuntime`].
pub type Connection = AsyncConnectionWrapper<AsyncPgConnection, SharedRuntime>;
