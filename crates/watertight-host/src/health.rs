//! `/healthz`, whether the process lives, and `/readyz`, whether it can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use watertight_database::{Connection, DatabaseUrl};
use watertight_migrations::{Migrator, PluginStatus};

use crate::Problem;
use crate::plugin::BoxError;

/// How long `/readyz` looks at the database before it says that it is down.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the database, over one connection of its own, however many ask.
pub(crate) struct Readiness {
    migrator: Arc<Migrator>,
    database: DatabaseUrl,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Readiness {
    pub(crate) fn new(migrator: Arc<Migrator>, database: &DatabaseUrl) -> Self {
        Self {
            migrator,
            database: database.with_application_name("readyz"),
            connection: Arc::default(),
        }
    }

    /// The plugins that have pending migrations.
    pub(crate) async fn pending(self: &Arc<Self>) -> Result<Vec<PluginStatus>, BoxError> {
        let look = async {
            // Whoever waits here gives up in time; who looks goes on, and holds the connection until it is done.
            let mut connection = Arc::clone(&self.connection).lock_owned().await;
            let this = Arc::clone(self);
            spawn_blocking(move || this.look(&mut connection)).await?
        };
        timeout(PATIENCE, look).await?
    }

    fn look(&self, connection: &mut Option<Connection>) -> Result<Vec<PluginStatus>, BoxError> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.database.connect()?,
        };
        let mut seen = self.migrator.status(&mut open);
        if seen.is_err() {
            // The connection may be an old one to a server that was started anew.
            open = self.database.connect()?;
            seen = self.migrator.status(&mut open);
        }
        let mut statuses = seen?;
        *connection = Some(open);
        statuses.retain(|status| status.pending().next().is_some());
        Ok(statuses)
    }
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
