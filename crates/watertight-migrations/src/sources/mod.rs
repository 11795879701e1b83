//! Where migrations come from: a folder, `embed_migrations!`, or Rust.

mod checksum;
mod diesel_source;
mod embedded_migrations;
mod file_based_migrations;
mod loaded_plugin;
mod migration;
mod migration_version;
mod plugin_migrations;
mod source_warning;

pub use checksum::is_checksum_of;
pub(crate) use diesel_source::describe;
pub(crate) use loaded_plugin::LoadedPlugin;
pub(crate) use migration::{Migration, MigrationBody, Script};
pub use migration_version::{MAX_VERSION_LENGTH, migration_version};
pub use plugin_migrations::PluginMigrations;
pub use source_warning::SourceWarning;
