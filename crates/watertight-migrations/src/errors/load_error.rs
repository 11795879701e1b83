use std::error::Error;
use std::io;
use std::path::PathBuf;

use watertight_diagnostics::{Diagnostic, SourceExcerpt};
use watertight_metadata::{DependencyError, PluginId};

/// Why the migrations of plugins cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The plugins cannot be put in an order.
    #[error(transparent)]
    Dependencies(#[from] DependencyError),
    /// Two migrations of one plugin have the same version.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: `{first}` and `{second}` have the same version, `{version}`"
    )]
    DuplicateVersion {
        /// The plugin.
        plugin: PluginId,
        /// The version of both.
        version: String,
        /// One migration: the path of its folder, or its name if it has no folder.
        first: String,
        /// The other migration.
        second: String,
    },
    /// A migration's version is longer than the history allows.
    #[error(
        "failed to read the migrations of plugin `{plugin}`: the version of `{migration}` has {length} characters, more \
         than the {max_length} that the history can store"
    )]
    VersionTooLong {
        /// The plugin.
        plugin: PluginId,
        /// The path of the migration's folder, or its name.
        migration: String,
        /// The number of characters of its version.
        length: usize,
        /// [`MAX_VERSION_LENGTH`](crate::MAX_VERSION_LENGTH).
        max_length: usize,
    },
    /// A migration's name begins with `_`.
    #[error("failed to read the migrations of plugin `{plugin}`: `{migration}` has no version")]
    EmptyVersion {
        /// The plugin.
        plugin: PluginId,
        /// The path of the migration's folder, or its name.
        migration: String,
    },
    /// A file or folder cannot be read.
    #[error("failed to read {path} of plugin `{plugin}`", path = path.display())]
    Unreadable {
        /// The plugin.
        plugin: PluginId,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder of the migrations does not exist.
    #[error("failed to read the migrations of plugin `{plugin}`: there is no folder {path}", path = path.display())]
    NoFolder {
        /// The plugin.
        plugin: PluginId,
        /// The folder.
        path: PathBuf,
    },
    /// The folder of a migration has no `up.sql`.
    #[error("failed to read the migrations of plugin `{plugin}`: {path} has no up.sql", path = path.display())]
    NoUpSql {
        /// The plugin.
        plugin: PluginId,
        /// The migration's folder.
        path: PathBuf,
        /// A file in it with the name in another spelling, such as `Up.sql`.
        misspelt: Option<PathBuf>,
        /// Whether it has folders with an `up.sql`.
        has_migrations: bool,
    },
    /// The `up.sql` of a migration is empty.
    #[error("failed to read the migrations of plugin `{plugin}`: {file} is empty")]
    EmptyUpSql {
        /// The plugin.
        plugin: PluginId,
        /// The file.
        file: String,
    },
    /// A file or the name of a folder is not UTF-8.
    #[error("failed to read {path} of plugin `{plugin}`: it is not UTF-8", path = path.display())]
    NotUtf8 {
        /// The plugin.
        plugin: PluginId,
        /// The file or folder.
        path: PathBuf,
    },
    /// A `metadata.toml` is invalid.
    #[error(
        "failed to read {file}:{line} of plugin `{plugin}`: {reason}",
        file = location.file,
        line = location.line
    )]
    Metadata {
        /// The plugin.
        plugin: PluginId,
        /// The line with the error.
        location: SourceExcerpt,
        /// The error.
        reason: String,
    },
    /// A migration source failed.
    #[error("failed to read the migrations of plugin `{plugin}`")]
    Source {
        /// The plugin.
        plugin: PluginId,
        /// The source's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Diagnostic for LoadError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Dependencies(error) => return Some(error.hint()),
            Self::DuplicateVersion { .. } => {
                "rename one of them; the version is the part of the name before the first `_`, without dashes"
            }
            Self::VersionTooLong { .. } => {
                "rename it; the version is the part of the name before the first `_`, without dashes"
            }
            Self::EmptyVersion { .. } => {
                "put a version before the first `_` of its name, such as 2026-01-02-030405"
            }
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "restore what the symbolic link refers to, or remove it"
            }
            Self::Unreadable { .. } => "make it readable",
            Self::NoFolder { .. } => "create it",
            Self::NoUpSql {
                misspelt: Some(path),
                ..
            } => return Some(format!("rename {} to up.sql", path.display())),
            Self::NoUpSql {
                has_migrations: true,
                ..
            } => "move the migrations in it into the folder of the migrations",
            Self::NoUpSql { .. } => "write one, or remove the folder",
            Self::EmptyUpSql { .. } => "write its SQL, or remove the migration",
            Self::NotUtf8 { .. } => "save it as UTF-8",
            Self::Metadata { .. } => {
                "write `run_in_transaction = true` or `run_in_transaction = false`"
            }
            Self::Source { .. } => "fix its migration source",
        };
        Some(hint.to_owned())
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Metadata { location, .. } => Some(location.clone()),
            _ => None,
        }
    }
}
