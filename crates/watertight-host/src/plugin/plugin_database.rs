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

use crate::error_chain::error_chain;
use crate::http::problem::Problem;

/// An [`AsyncPgConnection`] from a plugin's pool, to which it returns when it is dropped.
///
/// A connection with an open transaction, for example of a cancelled request, is closed instead.
pub type PooledConnection = Object<AsyncPgConnection>;

/// How long a request waits for a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Resets a shared session before another plugin uses it: `DISCARD ALL` except for the prepared statements, which Diesel
/// caches. Diesel expects the time zone UTC.
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

/// A plugin's database handle: a connection pool that it does not share with other plugins, so that session settings
/// (`search_path`, role, time zone) of one plugin do not affect another.
///
/// Connections are opened when they are first needed.
///
/// PGlite serves one connection only. All plugins share it, and its settings are reset each time. A task that holds it
/// and requests a second one times out.
#[derive(Clone)]
pub struct PluginDatabase {
    plugin: PluginId,
    pool: Pool<AsyncPgConnection>,
}

/// No connection is available: the database is down, or all connections are in use.
///
/// As a response, it has status 503; its cause is logged and not disclosed to the client.
#[derive(Debug, thiserror::Error)]
#[error("failed to get a connection for plugin `{plugin}`: {reason}")]
pub struct DatabaseUnavailable {
    // Strings keep the error small: handlers of plugins return it.
    plugin: String,
    reason: String,
}

/// Creates the connection pools of the plugins.
pub(crate) struct Pools<'a> {
    url: &'a DatabaseUrl,
    connections: NonZeroUsize,
    /// The pool of all plugins, if the database serves one connection only.
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

    /// Returns the handle of a plugin, without connecting.
    pub(crate) fn handle(&self, plugin: PluginId) -> PluginDatabase {
        let pool = self.shared.clone().unwrap_or_else(|| {
            // Shows in `pg_stat_activity` which plugin a connection belongs to.
            let url = self.url.with_application_name(plugin.schema_name());
            // Checks for a closed connection or an open transaction without a round trip.
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
            connection.map_err(|error| ConnectionError::BadConnection(error_chain(&error)))
        })
    });
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    Pool::builder(manager)
        .max_size(connections.get())
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(TIMEOUT))
        .create_timeout(Some(TIMEOUT))
        .recycle_timeout(Some(TIMEOUT))
        .build()
        .expect("timeouts have a runtime")
}

impl PluginDatabase {
    /// Returns a connection from the plugin's pool, after at most 5 seconds.
    ///
    /// # Errors
    ///
    /// Returns an error if the database cannot be reached or no connection becomes free in time.
    pub async fn connection(&self) -> Result<PooledConnection, DatabaseUnavailable> {
        self.pool.get().await.map_err(|error| DatabaseUnavailable {
            plugin: self.plugin.to_string(),
            reason: match error {
                // Without the prefix that deadpool adds.
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
            .detail("the database is unavailable; try again later")
    }
}

impl IntoResponse for DatabaseUnavailable {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
