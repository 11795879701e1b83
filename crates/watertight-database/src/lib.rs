//! Where the database comes from.

mod connect;
mod embedded;
mod find;
mod maintenance;
mod parameters;
mod passfile;
mod runtime;
mod scratch;
mod settings;
mod tls;
mod url;
mod values;
mod workspace;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

pub use connect::ConnectError;
pub use embedded::{
    EmbeddedError, EmbeddedServer, EmbeddedStatus, RunningServer, usual_binary_folders,
};
pub use find::{Database, DatabaseError, Origin};
pub use maintenance::{MaintenanceError, recreate_database};
pub use runtime::SharedRuntime;
pub use scratch::ScratchDatabase;
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use workspace::{WorkspaceError, workspace_root};

/// A blocking connection: a [`diesel::Connection`] to PostgreSQL that needs no libpq.
///
/// It must not be used inside an async task: see [`SharedRuntime`].
pub type Connection = AsyncConnectionWrapper<AsyncPgConnection, SharedRuntime>;
