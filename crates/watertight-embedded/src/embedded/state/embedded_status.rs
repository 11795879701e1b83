use std::path::PathBuf;

use super::embedded_kind::EmbeddedKind;

/// The state of a workspace's embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedStatus {
    /// The kind of server that the workspace has, or would get.
    pub kind: EmbeddedKind,
    /// The folder with the data, or `None` if the workspace never had a server.
    pub data_folder: Option<PathBuf>,
    /// The server's log.
    pub log_file: Option<PathBuf>,
    /// The server's process, or `None` if it is not running.
    pub running: Option<EmbeddedServerProcess>,
}

/// A running embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedServerProcess {
    /// The ID of its main process.
    pub pid: i32,
    /// PostgreSQL's version, such as `15.18`.
    pub version: String,
    /// The folder of its socket.
    pub socket_folder: PathBuf,
    /// The number of open sessions. On PostgreSQL, this includes leases.
    pub sessions: i64,
    /// The ID and command line of the process that has the one session of a PGlite.
    pub holder: Option<String>,
}
