use std::io;
use std::path::PathBuf;

/// Why there is no helper.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The sources are not where this program was built from.
    #[error(
        "failed to build `{name}`: its sources are not in {}: {source}; run this where Watertight's sources are",
        folder.display()
    )]
    Sources {
        /// The helper.
        name: String,
        /// Where they should be.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no folder for what the user's programs keep.
    #[error(
        "failed to find a folder to keep programs in: neither XDG_CACHE_HOME nor HOME is set; set one of them"
    )]
    NoCache,
    /// The folder in which helpers are kept cannot be used.
    #[error(
        "failed to use {}: {source}; make it accessible to this user, or set XDG_CACHE_HOME to a folder that is",
        path.display()
    )]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo is not there.
    #[error(
        "failed to build `{name}`: `cargo` cannot be run: {source}; install Rust, or put it on the PATH"
    )]
    NoCargo {
        /// The helper.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo failed. It has said why.
    #[error(
        "failed to build `{name}`: see what Cargo says above; the first build needs the network and a C compiler"
    )]
    Build {
        /// The helper.
        name: String,
    },
}
