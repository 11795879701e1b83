//! The metadata of a plugin: its id, the names derived from it, and its dependencies.
//!
//! A plugin declares its id once, in `src/plugin_metadata.rs`:
//!
//! ```
//! use watertight_metadata::PluginMetadata;
//!
//! pub const PLUGIN_METADATA: PluginMetadata =
//!     PluginMetadata::new("my-feature").depends_on(&["catalog"]);
//! ```
//!
//! All names are derived from it:
//!
//! ```
//! # use watertight_metadata::PluginMetadata;
//! # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("my-feature").depends_on(&["catalog"]);
//! assert_eq!(PLUGIN_METADATA.id().as_str(), "my-feature");
//! assert_eq!(PLUGIN_METADATA.schema_name(), "plugin_my_feature");
//! assert_eq!(PLUGIN_METADATA.mount_path(), "/api/my-feature");
//! assert_eq!(PLUGIN_METADATA.permission("item.read").to_string(), "my-feature.item.read");
//! assert_eq!(PLUGIN_METADATA.dependencies(), ["catalog"]);
//! ```
//!
//! The names are known at compile time, so they can be used in constants:
//!
//! ```
//! # use watertight_metadata::PluginMetadata;
//! # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("my-feature");
//! const SCHEMA: &str = PLUGIN_METADATA.schema_name();
//! # assert_eq!(SCHEMA, "plugin_my_feature");
//! ```
//!
//! An id that breaks the rule does not compile:
//!
//! ```compile_fail
//! # use watertight_metadata::PluginMetadata;
//! pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("My_Feature");
//! ```
//!
//! # The rule for ids
//!
//! `[a-z][a-z0-9]*(-[a-z0-9]+)*`, at most [48 bytes](PluginId::MAX_LENGTH). It guarantees:
//!
//! - Two ids never share a schema: `-` becomes `_`, and an id has no `_` of its own.
//! - PostgreSQL never has to quote or truncate a name that is derived from an id. It truncates at
//!   [63 bytes](https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS);
//!   `plugin_` and the longest id take 55, which leaves 8 for names derived from the schema's.
//! - An id needs no escaping in a URL or a file name.
//!
//! # Ids at run time
//!
//! Tools read ids from files and command lines with [`PluginId::parse`], whose error has the broken rule and the id
//! that was probably meant:
//!
//! ```
//! use watertight_metadata::PluginId;
//!
//! let error = PluginId::parse("My_Feature").unwrap_err();
//! assert_eq!(error.suggestion(), Some("my-feature"));
//! ```
//!
//! # The order of plugins
//!
//! A plugin may reference the tables of the plugins that it [depends on](PluginMetadata::depends_on), which therefore
//! migrate first. [`dependency_order()`] returns that order, and [`dependency_closure()`] everything that a plugin
//! needs.

mod dependency_closure;
mod dependency_order;
mod invalid_plugin_id;
mod permission_id;
mod plugin_id;
mod plugin_metadata;

pub use dependency_closure::dependency_closure;
pub use dependency_order::{DependencyError, dependency_order};
pub use invalid_plugin_id::{InvalidPluginId, InvalidReason};
pub use permission_id::PermissionId;
pub use plugin_id::PluginId;
pub use plugin_metadata::PluginMetadata;
