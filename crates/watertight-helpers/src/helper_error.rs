use std::io;
use std::path::{Path, PathBuf};

use watertight_diagnostics::Diagnostic;

/// Why a helper cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The user has no cache folder.
    #[error("failed to find the user's cache folder: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    /// The cache folder cannot be used.
    #[error("failed to use {}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Cargo cannot be run.
    #[error("failed to build `{name}`: `cargo` cannot be run")]
    NoCargo {
        /// The helper.
        name: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// Cargo failed, and has printed why.
    #[error("failed to build `{name}`: see Cargo's error above")]
    Build {
        /// The helper.
        name: String,
    },
}

impl HelperError {
    /// Returns a function that adds the path in the cache folder to an I/O error.
    pub(crate) fn in_cache(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Cache { path, source }
    }
}

impl Diagnostic for HelperError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoCache => "set one of them",
            Self::Cache { .. } => {
                "make it accessible to this user, or set XDG_CACHE_HOME to a folder that is"
            }
            Self::NoCargo { .. } => "install Rust, or add it to the PATH",
            Self::Build { .. } => "the first build needs the network and a C compiler",
        };
        Some(hint.to_owned())
    }
}
