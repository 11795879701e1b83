use std::num::NonZeroUsize;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use deadpool::Runtime;
use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{Object, Pool, PoolError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use watertight_connection::DatabaseUrl;
use watertight_metadata::PluginId;

use crate::Problem;

/// A connection of a plugin's pool: a [`AsyncPgConnection`] that goes back when it is dropped.
///
/// One that still has a transaction open, as when a request was cancelled, is closed instead.
pub type PooledConnection = Object<AsyncPgConnection>;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts the settings of a session back before another plugin has it: `DISCARD ALL` without the prepared statements, which
/// Diesel goes on using. The time zone is Diesel's own.
const RESET: &str = "
    SET SESSION AUTHORIZATION DEFAULT;
    RESET ALL;
    SET TIME ZONE 'UTC';
    CLOSE ALL;
    UNLISTEN *;
    SELECT pg_advisory_unlock_all();
    DISCARD PLANS;
    DISCARD TEMP;
    DISCARD SEQUENCES";

/// A plugin's handle on the database: a pool of connections that no other plugin shares, so that what a plugin
/// sets on a connection (`search_path`, a role, a time zone) never meets another plugin.
///
/// A connection is made when the first request needs it.
///
/// A PGlite serves one connection. There all plugins share it, and its settings are put back each time. Whoever holds it
/// and asks for another one waits in vain.
#[derive(Clone)]
pub struct PluginDatabase {
    plugin: PluginId,
    pool: Pool<AsyncPgConnection>,
}

/// There is no connection to be had: the database is down, or all connections stay busy.
///
/// As a response it is status 503, and the cause goes to the log only.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to get a connection for plugin `{plugin}`: {reason}; see that the database is up, or raise the \
     number of connections with `Server::connections_per_plugin`"
)]
pub struct DatabaseUnavailable {
    // As text, so that the error is small: plugins return it from every handler.
    plugin: String,
    reason: String,
}

/// Where plugins have their connections from.
pub(crate) struct Pools<'a> {
    url: &'a DatabaseUrl,
    connections: NonZeroUsize,
    /// The one pool of all plugins, where the server takes one connection.
    pub(crate) shared: Option<Pool<AsyncPgConnection>>,
}

impl<'a> Pools<'a> {
    pub(crate) fn new(url: &'a DatabaseUrl, connections: NonZeroUsize) -> Self {
        let shared = url.serves_one_connection().then(|| {
            let reset =
                RecyclingMethod::CustomFunction(Box::new(|connection: &mut AsyncPgConnection| {
                    Box::pin(connection.batch_execute(RESET))
                }));
            pool(url.clone(), NonZeroUsize::MIN, reset)
        });
        Self {
            url,
            connections,
            shared,
        }
    }

    /// A handle that connects when it is used.
    pub(crate) fn of(&self, plugin: PluginId) -> PluginDatabase {
        let pool = self.shared.clone().unwrap_or_else(|| {
            // PostgreSQL cuts it at 63 bytes; so it shows which plugin holds a connection.
            let url = self.url.with_application_name(plugin.schema_name());
            // A check on this side, without a round trip: is it closed, is a transaction open?
            pool(url, self.connections, RecyclingMethod::Fast)
        });
        PluginDatabase { plugin, pool }
    }
}

fn pool(
    url: DatabaseUrl,
    connections: NonZeroUsize,
    recycling: RecyclingMethod<AsyncPgConnection>,
) -> Pool<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = recycling;
    config.custom_setup = Box::new(move |_| {
        let url = url.clone();
        Box::pin(async move {
            let connection = url.connect_async().await;
            connection.map_err(|error| ConnectionError::BadConnection(error.to_string()))
        })
    });
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    Pool::builder(manager)
        .max_size(connections.get())
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .build()
        .expect("a runtime is set, which is all that timeouts need")
}

impl PluginDatabase {
    /// A connection of the plugin's own. Waits at most 5 seconds for one.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or no connection becomes free.
    pub async fn connection(&self) -> Result<PooledConnection, DatabaseUnavailable> {
        self.pool.get().await.map_err(|error| DatabaseUnavailable {
            plugin: self.plugin.to_string(),
            reason: match error {
                // Its own words would come twice.
                PoolError::Backend(error) => error.to_string(),
                other => other.to_string(),
            },
        })
    }
}

impl From<DatabaseUnavailable> for Problem {
    fn from(error: DatabaseUnavailable) -> Self {
        tracing::error!("{error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("the database is not available; try again later")
    }
}

impl IntoResponse for DatabaseUnavailable {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
