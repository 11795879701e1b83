use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

use crate::shared_runtime::SharedRuntime;

/// A blocking connection: a [`diesel::Connection`] to PostgreSQL that does not need libpq.
///
/// It panics when used inside an async task: see [`SharedRuntime`].
pub type Connection = AsyncConnectionWrapper<AsyncPgConnection, SharedRuntime>;
