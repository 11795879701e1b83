//! `/healthz`, whether the process lives, and `/readyz`, whether it can do its work.

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

use crate::Problem;
use crate::plugin::BoxError;

/// How long `/readyz` looks at the database before it says that it is down.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the database, over one connection, however many ask.
pub(crate) struct Readiness {
    migrator: Arc<Migrator>,
    connections: Connections,
}

/// Where the connection comes from.
enum Connections {
    /// It is kept for the next time.
    Own {
        database: Box<DatabaseUrl>,
        kept: Arc<Mutex<Option<Connection>>>,
    },
    /// It is the one that the plugins use.
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

    /// Of a server that takes one connection.
    pub(crate) fn on_pool(migrator: Arc<Migrator>, pool: Pool<AsyncPgConnection>) -> Self {
        Self {
            migrator,
            connections: Connections::Shared(pool),
        }
    }

    /// The plugins that have pending migrations.
    pub(crate) async fn pending(&self) -> Result<Vec<PluginStatus>, BoxError> {
        let mut statuses = timeout(PATIENCE, self.look()).await??;
        statuses.retain(|status| status.pending().next().is_some());
        Ok(statuses)
    }

    async fn look(&self) -> Result<Vec<PluginStatus>, BoxError> {
        let migrator = Arc::clone(&self.migrator);
        match &self.connections {
            Connections::Own { database, kept } => {
                // Whoever waits here gives up in time; who looks goes on, and holds the connection until it is done.
                let mut kept = Arc::clone(kept).lock_owned().await;
                let database = database.clone();
                spawn_blocking(move || look(&migrator, &database, &mut kept)).await?
            }
            Connections::Shared(pool) => {
                let connection = pool.get().await?;
                let look = move || {
                    let mut connection =
                        AsyncConnectionWrapper::<_, SharedRuntime>::from(connection);
                    Ok(migrator.status(&mut connection)?)
                };
                spawn_blocking(look).await?
            }
        }
    }
}

fn look(
    migrator: &Migrator,
    database: &DatabaseUrl,
    kept: &mut Option<Connection>,
) -> Result<Vec<PluginStatus>, BoxError> {
    let mut open = match kept.take() {
        Some(open) => open,
        None => database.connect()?,
    };
    let mut seen = migrator.status(&mut open);
    if seen.is_err() {
        // The connection may be an old one to a server that was started anew.
        open = database.connect()?;
        seen = migrator.status(&mut open);
    }
    let statuses = seen?;
    *kept = Some(open);
    Ok(statuses)
}

pub(crate) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(async || answer(&json!({ "status": "ok" }))))
        .route("/readyz", get(ready).with_state(readiness))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
    match readiness.pending().await {
        Ok(pending) if pending.is_empty() => answer(&json!({ "status": "ready" })),
        Ok(pending) => {
            let plugins: Vec<Value> = pending
                .iter()
                .map(|status| json!({ "id": status.plugin.as_str(), "pending": status.pending().count() }))
                .collect();
            problem
                .detail("migrations are pending; run the server's `migrate` command")
                .member("plugins", plugins)
                .into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            problem
                .detail("the database does not answer")
                .into_response()
        }
    }
}

/// An answer that is true only now.
fn answer(body: &Value) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
