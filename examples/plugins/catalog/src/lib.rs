#![doc = env!("CARGO_PKG_DESCRIPTION")]
//!
//! The plugin owns the schema `plugin_catalog`, and answers below `/api/catalog`.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use watertight_host::Plugin;

pub mod models;
pub mod permissions;
mod plugin_metadata;
mod routes;
// The `diesel` command writes this file, with imports of its kind and no documentation.
#[allow(clippy::wildcard_imports, missing_docs)]
pub mod schema;

pub use plugin_metadata::PLUGIN_METADATA;

/// The migrations of the plugin's schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// The plugin, for a server to register.
pub fn plugin() -> Plugin {
    Plugin::new(PLUGIN_METADATA, MIGRATIONS)
        .permissions(permissions::ALL)
        .routes(routes::routes())
}
