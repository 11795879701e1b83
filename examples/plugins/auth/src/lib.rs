#![doc = env!("CARGO_PKG_DESCRIPTION")]
//!
//! The plugin owns the schema `plugin_auth`.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub mod models;
mod plugin_metadata;
// The `diesel` command writes this file, with imports of its kind and no documentation.
#[allow(clippy::wildcard_imports, missing_docs)]
pub mod schema;

pub use plugin_metadata::PLUGIN_METADATA;

/// The migrations of the plugin's schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
