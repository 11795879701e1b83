use std::error::Error;
use std::io;
use std::path::PathBuf;

use watertight_metadata::{DependencyError, PluginId};

/// Plugins, or their migrations, that cannot be used as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The plugins cannot be put in an order.
    #[error(transparent)]
    Dependencies(#[from] DependencyError),
    /// Two migrations of one plugin have the same version.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: `{first}` and `{second}` have the same version, `{version}`, which \
         is what stands before the first `_`, without dashes; rename one of them"
    )]
    DuplicateVersion {
        /// The plugin.
        plugin: PluginId,
        /// The version that both have.
        version: String,
        /// One migration: its folder, or its name where there is no folder.
        first: String,
        /// The other.
        second: String,
    },
    /// The history has no room for a migration's version.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: the version of `{migration}` (what stands before the first `_`, \
         without dashes) has {length} characters, and the history has room for 50; rename it"
    )]
    VersionTooLong {
        /// The plugin.
        plugin: PluginId,
        /// The migration: its folder, or its name.
        migration: String,
        /// How many characters its version has.
        length: usize,
    },
    /// Nothing stands before a migration's first `_`.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: `{migration}` has no version; put one before its first `_`, such as \
         2026-01-02-030405"
    )]
    EmptyVersion {
        /// The plugin.
        plugin: PluginId,
        /// The migration: its folder, or its name.
        migration: String,
    },
    /// A file or folder cannot be read.
    #[error("failed to read {path}: {source}; it belongs to the migrations of plugin `{plugin}`, make it readable", path = path.display())]
    Unreadable {
        /// The plugin.
        plugin: PluginId,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder with the migrations is missing.
    #[error("failed to find the migrations of plugin `{plugin}`: there is no folder {path}; create it", path = path.display())]
    NoFolder {
        /// The plugin.
        plugin: PluginId,
        /// Where it should be.
        path: PathBuf,
    },
    /// A migration's folder has no `up.sql`.
    #[error("failed to read the migrations of plugin `{plugin}`: {path} has no up.sql; write one, or remove the folder", path = path.display())]
    NoUpSql {
        /// The plugin.
        plugin: PluginId,
        /// The migration's folder.
        path: PathBuf,
    },
    /// A migration has no SQL in its `up.sql`.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: {file} is empty; write its SQL, or remove the migration"
    )]
    EmptyUpSql {
        /// The plugin.
        plugin: PluginId,
        /// The file.
        file: String,
    },
    /// A file or a folder's name is not UTF-8.
    #[error("failed to read {path}: it is not UTF-8; it belongs to the migrations of plugin `{plugin}`, save it as UTF-8", path = path.display())]
    NotUtf8 {
        /// The plugin.
        plugin: PluginId,
        /// The file or folder.
        path: PathBuf,
    },
    /// A `metadata.toml` does not say what it has to.
    #[error(
        "failed to read {path}:{line}: {reason}; write `run_in_transaction = true` or `run_in_transaction = false`",
        path = path.display()
    )]
    Metadata {
        /// The plugin.
        plugin: PluginId,
        /// The file.
        path: PathBuf,
        /// The line that is wrong, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A migration source that is not a folder failed.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: {source}; mend its migration source"
    )]
    Source {
        /// The plugin.
        plugin: PluginId,
        /// What the source said.
        source: Box<dyn Error + Send + Sync>,
    },
}
