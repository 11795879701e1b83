pub(crate) mod plugin_context;
pub(crate) mod plugin_database;
pub(crate) mod routes;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use futures_util::future::BoxFuture;
use watertight_metadata::PluginMetadata;
use watertight_migrations::PluginMigrations;

use crate::authorization::permission::Permission;
use crate::box_error::BoxError;
use crate::plugin::plugin_context::PluginContext;
use crate::plugin::routes::Routes;

/// A plugin: its metadata, migrations, permissions, routes and start-up hooks.
///
/// A plugin crate exports a function that returns it:
///
/// ```
/// use watertight_host::Plugin;
/// # use diesel_migrations::{EmbeddedMigrations, embed_migrations};
/// # use watertight_host::{Audience, Permission, Routes};
/// # use watertight_metadata::PluginMetadata;
/// # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("notes");
/// # const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
/// # const READ: Permission = Permission::new("note.read", "List notes").granted_to(Audience::Everyone);
/// # fn routes() -> Routes { Routes::new().get("/notes", READ, async || "") }
///
/// pub fn plugin() -> Plugin {
///     Plugin::new(PLUGIN_METADATA, MIGRATIONS)
///         .permissions(&[READ])
///         .routes(routes())
/// }
/// # plugin();
/// ```
#[must_use = "a plugin has no effect until it is registered with a server"]
pub struct Plugin {
    pub(crate) metadata: PluginMetadata,
    pub(crate) migrations: PluginMigrations,
    pub(crate) permissions: &'static [Permission],
    pub(crate) routes: Routes,
    pub(crate) init: Option<Hook>,
    pub(crate) after_all_ready: Option<Hook>,
}

/// A start-up hook.
pub(crate) type Hook =
    Box<dyn FnOnce(PluginContext) -> BoxFuture<'static, Result<(), BoxError>> + Send>;

impl Plugin {
    /// Creates a plugin that has migrations only.
    pub fn new(
        metadata: PluginMetadata,
        migrations: impl MigrationSource<Pg> + Send + Sync + 'static,
    ) -> Self {
        Self {
            metadata,
            migrations: PluginMigrations::new(metadata, migrations),
            permissions: &[],
            routes: Routes::new(),
            init: None,
            after_all_ready: None,
        }
    }

    /// Declares the permissions that the plugin's routes use.
    pub fn permissions(mut self, permissions: &'static [Permission]) -> Self {
        self.permissions = permissions;
        self
    }

    /// Sets the routes. They are mounted at [`PluginMetadata::mount_path`].
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Sets a hook that runs before the server listens, and after the same hook of the plugins that this one depends
    /// on.
    ///
    /// It runs at each start of each server process, possibly in several at the same time. The migrations are not
    /// guaranteed to have run: `serve --migrate` runs them before the hooks, `serve` alone does not.
    pub fn init<F>(mut self, hook: impl FnOnce(PluginContext) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.init = Some(Box::new(|context| Box::pin(hook(context))));
        self
    }

    /// Sets a hook that runs before the server listens, and after [`init`](Self::init) of all plugins.
    pub fn after_all_ready<F>(
        mut self,
        hook: impl FnOnce(PluginContext) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.after_all_ready = Some(Box::new(|context| Box::pin(hook(context))));
        self
    }

    /// Returns the migrations alone, for a [`Migrator`](watertight_migrations::Migrator) or a test database.
    pub fn into_migrations(self) -> PluginMigrations {
        self.migrations
    }
}
