use std::error::Error;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use futures_util::future::BoxFuture;
use watertight_metadata::PluginMetadata;
use watertight_migrations::PluginMigrations;

use crate::{Permission, PluginContext, Routes};

/// Why a plugin's start-up step failed.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A plugin, as a server registers it: its metadata, its migrations, its permissions and its routes.
///
/// A plugin crate exports a function that makes it:
///
/// ```
/// use watertight_host::Plugin;
/// # use diesel_migrations::{EmbeddedMigrations, embed_migrations};
/// # use watertight_host::{Audience, Permission, Routes};
/// # use watertight_metadata::PluginMetadata;
/// # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("notes");
/// # const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
/// # const READ: Permission = Permission::new("note.read", "See notes").granted_to(Audience::Everyone);
/// # fn routes() -> Routes { Routes::new().get("/notes", READ, async || "") }
///
/// pub fn plugin() -> Plugin {
///     Plugin::new(PLUGIN_METADATA, MIGRATIONS)
///         .permissions(&[READ])
///         .routes(routes())
/// }
/// # plugin();
/// ```
#[must_use = "a plugin does nothing until a server registers it"]
pub struct Plugin {
    pub(crate) metadata: PluginMetadata,
    pub(crate) migrations: PluginMigrations,
    pub(crate) permissions: &'static [Permission],
    pub(crate) routes: Routes,
    pub(crate) init: Option<Step>,
    pub(crate) ready: Option<Step>,
}

pub(crate) type Step =
    Box<dyn FnOnce(PluginContext) -> BoxFuture<'static, Result<(), BoxError>> + Send>;

impl Plugin {
    /// A plugin with migrations, and nothing else yet.
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
            ready: None,
        }
    }

    /// Declares the permissions that its routes need.
    pub fn permissions(mut self, permissions: &'static [Permission]) -> Self {
        self.permissions = permissions;
        self
    }

    /// Sets its routes. They are mounted at [`PluginMetadata::mount_path`].
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Something to do before the server listens, and after the same step of the plugins that it depends on.
    ///
    /// It may run in several servers at the same time, and in each at every start. Its migrations have run only if
    /// somebody ran them: `serve --migrate` does so before.
    pub fn init<F>(mut self, step: impl FnOnce(PluginContext) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.init = Some(Box::new(|context| Box::pin(step(context))));
        self
    }

    /// Something to do when [`init`](Self::init) of all plugins is done, and before the server listens.
    pub fn after_all_ready<F>(
        mut self,
        step: impl FnOnce(PluginContext) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.ready = Some(Box::new(|context| Box::pin(step(context))));
        self
    }

    /// Only its migrations, for a [`Migrator`](watertight_migrations::Migrator) or a test's database.
    pub fn into_migrations(self) -> PluginMigrations {
        self.migrations
    }
}
