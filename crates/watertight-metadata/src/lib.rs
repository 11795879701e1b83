//! The id of a plugin, and everything that is named after it.
//!
//! A plugin states its id once, in `src/plugin_metadata.rs`:
//!
//! ```
//! use watertight_metadata::PluginMetadata;
//!
//! pub const PLUGIN_METADATA: PluginMetadata =
//!     PluginMetadata::new("my-feature").depends_on(&["catalog"]);
//! ```
//!
//! Everything else follows from it:
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
//! The names are known while compiling, so they can be used in constants:
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
//! `[a-z][a-z0-9]*(-[a-z0-9]+)*`, at most [48 bytes](PluginId::MAX_LENGTH). It makes these things true:
//!
//! - Two ids never share a schema: `-` becomes `_`, and an id has no `_` of its own.
//! - PostgreSQL never has to quote or cut a name that is made from an id. It cuts at
//!   [63 bytes](https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS);
//!   `plugin_` and the longest id take 55, which leaves 8 for names made from the schema's.
//! - An id can stand in a URL and in a file name as it is.
//!
//! # Ids that come in while running
//!
//! Tools read ids from files and command lines. [`PluginId::parse`] makes the same check there, and its
//! error says what is wrong and which id was probably meant:
//!
//! ```
//! use watertight_metadata::PluginId;
//!
//! let error = PluginId::parse("My_Feature").unwrap_err();
//! assert_eq!(error.suggestion().unwrap().as_str(), "my-feature");
//! ```
//!
//! # The order of plugins
//!
//! A plugin may refer to the tables of the plugins that it [depends on](PluginMetadata::depends_on).
//! They come before it wherever order matters; [`dependency_order`] gives that order.

mod dependency_order;
mod invalid_plugin_id;
mod permission_id;
mod plugin_id;
mod plugin_metadata;

pub use dependency_order::{DependencyError, dependency_order};
pub use invalid_plugin_id::{InvalidPluginId, InvalidReason};
pub use permission_id::PermissionId;
pub use plugin_id::PluginId;
pub use plugin_metadata::PluginMetadata;
