//! `/healthz`, whether the process runs, and `/readyz`, whether it can serve requests.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::deadpool::Pool;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};
use watertight_migrations::{Migrator, PluginStatus};

use crate::box_error::BoxError;
use crate::error_chain::error_chain;
use crate::http::problem::Problem;

/// How long `/readyz` waits for the database.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the status of the migrations, over one connection for all concurrent requests.
pub(crate) struct Readiness {
    migrator: Arc<Migrator>,
    connections: Connections,
}

enum Connections {
    /// A connection that is opened when it is first needed, and kept.
    Own {
        database: Box<DatabaseUrl>,
        kept: Arc<Mutex<Option<Connection>>>,
    },
    /// The pool that the plugins share, because the database serves one connection only.
    Shared(Pool<AsyncPgConnection>),
}

impl Readiness {
    pub(crate) fn new(migrator: Arc<Migrator>, database: &DatabaseUrl) -> Self {
        let connections = Connections::Own {
            database: Box::new(database.with_application_name("readyz")),
            kept: Arc::default(),
        };
        Self {
            migrator,
            connections,
        }
    }

    /// For a database that serves one connection only.
    pub(crate) fn on_pool(migrator: Arc<Migrator>, pool: Pool<AsyncPgConnection>) -> Self {
        Self {
            migrator,
            connections: Connections::Shared(pool),
        }
    }

    /// Returns the plugins with pending migrations.
    pub(crate) async fn pending(&self) -> Result<Vec<PluginStatus>, BoxError> {
        let mut statuses = self.statuses().await?;
        statuses.retain(|status| status.pending().next().is_some());
        Ok(statuses)
    }

    /// Returns the status of every plugin.
    pub(crate) async fn statuses(&self) -> Result<Vec<PluginStatus>, BoxError> {
        timeout(TIMEOUT, self.read_statuses()).await?
    }

    async fn read_statuses(&self) -> Result<Vec<PluginStatus>, BoxError> {
        let migrator = Arc::clone(&self.migrator);
        match &self.connections {
            Connections::Own { database, kept } => {
                // The guard moves into the blocking task, which a timeout does not cancel.
                let mut kept = Arc::clone(kept).lock_owned().await;
                let database = database.clone();
                spawn_blocking(move || statuses(&migrator, &database, &mut kept)).await?
            }
            Connections::Shared(pool) => {
                let connection = pool.get().await?;
                let statuses = move || {
                    let mut connection =
                        AsyncConnectionWrapper::<_, SharedRuntime>::from(connection);
                    Ok(migrator.status(&mut connection)?)
                };
                spawn_blocking(statuses).await?
            }
        }
    }
}

fn statuses(
    migrator: &Migrator,
    database: &DatabaseUrl,
    kept: &mut Option<Connection>,
) -> Result<Vec<PluginStatus>, BoxError> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => database.connect()?,
    };
    let mut statuses = migrator.status(&mut connection);
    if statuses.is_err() {
        // The database server may have restarted since the connection was opened.
        connection = database.connect()?;
        statuses = migrator.status(&mut connection);
    }
    let statuses = statuses?;
    *kept = Some(connection);
    Ok(statuses)
}

pub(crate) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(async || uncached(&json!({ "status": "ok" }))),
        )
        .route("/readyz", get(ready).with_state(readiness))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
    match readiness.pending().await {
        Ok(pending) if pending.is_empty() => uncached(&json!({ "status": "ready" })),
        Ok(pending) => {
            let plugins: Vec<Value> = pending
                .iter()
                .map(|status| json!({ "id": status.plugin.as_str(), "pending": status.pending().count() }))
                .collect();
            problem
                .detail("migrations are pending: run the server's `migrate` command")
                .member("plugins", plugins)
                .into_response()
        }
        Err(error) => {
            tracing::warn!(
                error = error_chain(error.as_ref()),
                "the database is unavailable"
            );
            problem
                .detail("the database is unavailable")
                .into_response()
        }
    }
}

fn uncached(body: &Value) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
