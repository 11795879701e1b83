use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::from_fn;
use axum::{Router, http};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use watertight_connection::DatabaseUrl;
use watertight_metadata::PluginId;
use watertight_migrations::Migrator;

use crate::assemble::plugin_router;
use crate::authorizer::{Authorizer, DynAuthorizer, Nobody};
use crate::database::Pools;
use crate::health::{self, Readiness};
use crate::plugin::Step;
use crate::request_log::{self, NewRequestId};
use crate::{
    Plugin, PluginContext, Problem, RunningServer, ServerError, cli, problem_layer, unread_body,
};

/// How many connections a plugin has at most, unless it is said.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(5).unwrap();

/// A server made of plugins.
///
/// ```no_run
/// use std::process::ExitCode;
/// use watertight_host::{DevelopmentToken, Server};
/// # fn plugins() -> Vec<watertight_host::Plugin> { Vec::new() }
///
/// fn main() -> ExitCode {
///     Server::new(plugins())
///         .authorizer(DevelopmentToken::from_environment())
///         .main()
/// }
/// ```
pub struct Server {
    plugins: Vec<Plugin>,
    authorizer: Arc<dyn DynAuthorizer>,
    connections: NonZeroUsize,
}

impl Server {
    /// A server of these plugins. What does not fit together is said when it starts.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        Self {
            plugins,
            authorizer: Arc::new(Nobody),
            connections: CONNECTIONS,
        }
    }

    /// Sets who decides about permissions. Without it nobody is ever signed in.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Arc::new(authorizer);
        self
    }

    /// How many connections each plugin has at most; 5, unless it is said here.
    ///
    /// All plugins together have so many times their number, and `/readyz` one more, in each process of the server.
    /// That has to be less than PostgreSQL's `max_connections`, which is 100 by default. A PGlite serves one connection,
    /// which all share, whatever is said here.
    #[must_use]
    pub fn connections_per_plugin(mut self, connections: NonZeroUsize) -> Self {
        self.connections = connections;
        self
    }

    /// The `main` function of a server: reads the command line (`serve`, `migrate`, `status`), does it, prints the
    /// outcome and says with which code to exit.
    ///
    /// This is the one function of this crate that prints.
    pub fn main(self) -> ExitCode {
        cli::main(self)
    }

    /// Starts the server on a free port of this machine, in threads of its own, until the returned value is dropped.
    /// For tests.
    ///
    /// The migrations are not run.
    ///
    /// # Errors
    ///
    /// When the plugins do not fit together, a start-up step fails, or there is no port or thread.
    pub fn spawn(self, database: &DatabaseUrl) -> Result<RunningServer, ServerError> {
        RunningServer::start(self, database)
    }

    /// The routes of all plugins, and `/healthz` and `/readyz`, for a server that has a `main` of its own: merge them
    /// into its router, which must not have these routes too. The start-up steps have run when this returns.
    ///
    /// The migrations are not run; give [`Migrator::new`] what [`Plugin::into_migrations`] gives for that.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use watertight_host::{DatabaseUrl, Plugin, Server, ServerError};
    /// async fn app(plugins: Vec<Plugin>, database: &DatabaseUrl) -> Result<Router, ServerError> {
    ///     let plugins = Server::new(plugins).into_router(database).await?;
    ///     Ok(Router::new().route("/", get(async || "Hello")).merge(plugins))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the plugins do not fit together, or a start-up step fails.
    pub async fn into_router(self, database: &DatabaseUrl) -> Result<Router, ServerError> {
        let mut assembled = self.assemble(database)?;
        assembled.start().await?;
        Ok(with_layers(assembled.routes))
    }

    /// What runs the migrations of all plugins.
    ///
    /// # Errors
    ///
    /// As [`Migrator::new`].
    pub(crate) fn into_migrator(self) -> Result<Migrator, ServerError> {
        let plugins = self.plugins.into_iter().map(Plugin::into_migrations);
        Ok(Migrator::new(plugins.collect())?)
    }

    /// Checks the plugins and makes everything ready but the start-up steps. Does not touch the database.
    pub(crate) fn assemble(self, database: &DatabaseUrl) -> Result<Assembled, ServerError> {
        let pools = Pools::new(database, self.connections);
        let mut starts = Vec::new();
        let mut migrations = Vec::new();
        for plugin in self.plugins {
            let id = *plugin.metadata.id();
            let context = PluginContext::new(plugin.metadata, pools.of(id));
            let router = plugin_router(
                &context,
                plugin.permissions,
                plugin.routes.all,
                &self.authorizer,
            )?;
            migrations.push(plugin.migrations);
            starts.push(Start {
                id,
                router,
                context,
                init: plugin.init,
                ready: plugin.ready,
            });
        }
        // Two plugins with one id are refused here, before axum would panic on their routes.
        let migrator = Migrator::new(migrations)?;
        let order: Vec<PluginId> = migrator.plugins().copied().collect();
        starts.sort_by_key(|start| order.iter().position(|id| *id == start.id));
        let migrator = Arc::new(migrator);
        let readiness = match pools.shared {
            Some(pool) => Readiness::on_pool(Arc::clone(&migrator), pool),
            None => Readiness::new(Arc::clone(&migrator), database),
        };
        let readiness = Arc::new(readiness);
        let mut router = health::router(Arc::clone(&readiness));
        for start in &mut starts {
            router = router.merge(std::mem::take(&mut start.router));
        }
        Ok(Assembled {
            routes: router,
            readiness,
            migrator,
            starts,
        })
    }
}

/// A server whose plugins fit together.
pub(crate) struct Assembled {
    routes: Router,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) migrator: Arc<Migrator>,
    starts: Vec<Start>,
}

struct Start {
    id: PluginId,
    router: Router,
    context: PluginContext,
    init: Option<Step>,
    ready: Option<Step>,
}

impl Assembled {
    /// A router that answers everything.
    pub(crate) fn into_router(self) -> Router {
        let not_found = async |uri: http::Uri| {
            Problem::new(StatusCode::NOT_FOUND)
                .detail(format!("there is nothing at {}", uri.path()))
        };
        with_layers(self.routes.fallback(not_found))
    }

    /// Runs the start-up steps, each after those of the plugins that it depends on.
    ///
    /// # Errors
    ///
    /// Names the first step that fails.
    pub(crate) async fn start(&mut self) -> Result<(), ServerError> {
        for start in &mut self.starts {
            run(start.id, "init", start.init.take(), &start.context).await?;
        }
        for start in &mut self.starts {
            run(
                start.id,
                "after_all_ready",
                start.ready.take(),
                &start.context,
            )
            .await?;
        }
        Ok(())
    }
}

async fn run(
    plugin: PluginId,
    name: &'static str,
    step: Option<Step>,
    context: &PluginContext,
) -> Result<(), ServerError> {
    let Some(step) = step else { return Ok(()) };
    step(context.clone())
        .await
        .map_err(|source| ServerError::Step {
            plugin,
            step: name,
            source,
        })
}

/// What every request goes through, from the outside in: a request id, the log, problems for all errors.
fn with_layers(router: Router) -> Router {
    let id = HeaderName::from_static("x-request-id");
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(problem_layer::of_panic))
        .layer(from_fn(problem_layer::make_problems))
        .layer(from_fn(unread_body::read_rest))
        .layer(PropagateRequestIdLayer::new(id.clone()))
        .layer(request_log::layer())
        .layer(SetRequestIdLayer::new(id, NewRequestId))
}

/// The longest body that an extractor reads, in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
