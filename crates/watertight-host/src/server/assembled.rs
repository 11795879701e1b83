use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri};
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

use crate::http::layers::with_layers;
use crate::http::problem::Problem;
use crate::plugin::Hook;
use crate::plugin::plugin_context::PluginContext;
use crate::server::health::Readiness;
use crate::server::server_error::ServerError;

/// A server whose plugins have been checked.
pub(crate) struct Assembled {
    router: Router,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) migrator: Arc<Migrator>,
    /// In the order of dependencies.
    start_ups: Vec<StartUp>,
}

/// The start-up hooks of a plugin.
pub(crate) struct StartUp {
    pub(crate) id: PluginId,
    pub(crate) context: PluginContext,
    pub(crate) init: Option<Hook>,
    pub(crate) after_all_ready: Option<Hook>,
}

impl Assembled {
    pub(crate) fn new(
        router: Router,
        readiness: Arc<Readiness>,
        migrator: Arc<Migrator>,
        start_ups: Vec<StartUp>,
    ) -> Self {
        Self {
            router,
            readiness,
            migrator,
            start_ups,
        }
    }

    /// Runs the start-up hooks, and returns the error of the first one that fails.
    pub(crate) async fn run_hooks(&mut self) -> Result<(), ServerError> {
        for start_up in &mut self.start_ups {
            let hook = start_up.init.take();
            run(start_up.id, "init", hook, &start_up.context).await?;
        }
        for start_up in &mut self.start_ups {
            let hook = start_up.after_all_ready.take();
            run(start_up.id, "after_all_ready", hook, &start_up.context).await?;
        }
        Ok(())
    }

    /// Returns the router, without a fallback.
    pub(crate) fn into_router(self) -> Router {
        with_layers(self.router)
    }

    /// Returns the router, with status 404 for other paths.
    pub(crate) fn into_router_with_fallback(self) -> Router {
        let not_found = async |uri: Uri| {
            Problem::new(StatusCode::NOT_FOUND).detail(format!("no route matches {}", uri.path()))
        };
        with_layers(self.router.fallback(not_found))
    }
}

async fn run(
    plugin: PluginId,
    name: &'static str,
    hook: Option<Hook>,
    context: &PluginContext,
) -> Result<(), ServerError> {
    let Some(hook) = hook else { return Ok(()) };
    hook(context.clone())
        .await
        .map_err(|source| ServerError::Hook {
            plugin,
            hook: name,
            source,
        })
}
