pub(crate) mod assembled;
mod health;
mod plugin_router;
pub(crate) mod serve;
pub(crate) mod server_error;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use watertight_connection::DatabaseUrl;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrationProgress, Migrator};

use crate::authorization::authorizer::{Authorizer, DynAuthorizer, NobodySignedIn};
use crate::plugin::Plugin;
use crate::plugin::plugin_context::PluginContext;
use crate::plugin::plugin_database::Pools;
use crate::server::assembled::{Assembled, StartUp};
use crate::server::health::Readiness;
use crate::server::plugin_router::plugin_router;
use crate::server::server_error::ServerError;

const DEFAULT_CONNECTIONS_PER_PLUGIN: NonZeroUsize = NonZeroUsize::new(5).unwrap();

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
    /// How long migrations wait for another run, or `None` to wait as long as it is alive.
    pub(crate) lock_timeout: Option<Duration>,
    /// Is called with the progress of migrations.
    pub(crate) report_progress: fn(&MigrationProgress<'_>),
}

impl Server {
    /// Creates a server from its plugins, which are checked when it starts.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        Self {
            plugins,
            authorizer: Arc::new(NobodySignedIn),
            connections: DEFAULT_CONNECTIONS_PER_PLUGIN,
            lock_timeout: None,
            report_progress: |_| (),
        }
    }

    /// Sets the authorizer. Without one, all requests count as not signed in.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Arc::new(authorizer);
        self
    }

    /// Sets the maximum number of connections of each plugin [default: 5].
    ///
    /// A server process opens at most this number for each plugin, plus one for `/readyz`. All processes together must
    /// stay below PostgreSQL's `max_connections`, which is 100 by default. PGlite serves one connection only, which all
    /// plugins share regardless of this setting.
    #[must_use]
    pub fn connections_per_plugin(mut self, connections: NonZeroUsize) -> Self {
        self.connections = connections;
        self
    }

    /// Returns a router with the routes of all plugins, `/healthz` and `/readyz`, for a server with its own `main`
    /// function. Merge it into a router that does not have these routes. The start-up hooks have run when this
    /// returns.
    ///
    /// This does not run migrations: pass the results of [`Plugin::into_migrations`] to [`Migrator::new`] for that.
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
    /// Returns an error if the plugins are inconsistent or a start-up hook fails.
    pub async fn into_router(self, database: &DatabaseUrl) -> Result<Router, ServerError> {
        let mut assembled = self.assemble(database)?;
        assembled.run_hooks().await?;
        Ok(assembled.into_router())
    }

    /// Returns the migrator of all plugins.
    pub(crate) fn into_migrator(self) -> Result<Migrator, ServerError> {
        let plugins = self.plugins.into_iter().map(Plugin::into_migrations);
        Ok(Migrator::new(plugins.collect())?
            .lock_timeout(self.lock_timeout)
            .on_progress(self.report_progress))
    }

    /// Checks the plugins and builds their routers and pools, without connecting to the database.
    pub(crate) fn assemble(self, database: &DatabaseUrl) -> Result<Assembled, ServerError> {
        let pools = Pools::new(database, self.connections);
        let mut routers = Vec::new();
        let mut start_ups = Vec::new();
        let mut migrations = Vec::new();
        for plugin in self.plugins {
            let id = *plugin.metadata.id();
            let context = PluginContext::new(plugin.metadata, pools.handle(id));
            routers.push(plugin_router(
                &context,
                plugin.permissions,
                plugin.routes.all,
                &self.authorizer,
            )?);
            migrations.push(plugin.migrations);
            start_ups.push(StartUp {
                id,
                context,
                init: plugin.init,
                after_all_ready: plugin.after_all_ready,
            });
        }
        // Refuses duplicate ids, on whose routes `Router::merge` would panic.
        let migrator = Migrator::new(migrations)?
            .lock_timeout(self.lock_timeout)
            .on_progress(self.report_progress);
        let order: Vec<PluginId> = migrator.plugins().copied().collect();
        start_ups.sort_by_key(|start_up| order.iter().position(|id| *id == start_up.id));
        let migrator = Arc::new(migrator);
        let readiness = match pools.shared {
            Some(pool) => Readiness::on_pool(Arc::clone(&migrator), pool),
            None => Readiness::new(Arc::clone(&migrator), database),
        };
        let readiness = Arc::new(readiness);
        let router = routers
            .into_iter()
            .fold(health::router(Arc::clone(&readiness)), Router::merge);
        Ok(Assembled::new(router, readiness, migrator, start_ups))
    }
}
