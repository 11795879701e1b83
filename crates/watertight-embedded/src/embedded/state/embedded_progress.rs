use std::fmt;

use super::embedded_kind::EmbeddedKind;

/// A step in starting an embedded server. `Display` gives the status line for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddedProgress {
    /// Cargo builds PGlite, and prints its own progress to stderr.
    BuildingPglite,
    /// Another process builds PGlite.
    WaitingForPglite,
    /// A new database is created, although the workspace has data in this other kind of server.
    DataElsewhere(EmbeddedKind),
    /// The workspace's first server of this kind is created and started.
    CreatingServer(EmbeddedKind),
    /// The workspace's server is started.
    StartingServer(EmbeddedKind),
}

impl fmt::Display for EmbeddedProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildingPglite => formatter.write_str(
                "building PGlite, the embedded database: about 2 minutes on two cores, once",
            ),
            Self::WaitingForPglite => {
                formatter.write_str("waiting for another process that is building PGlite")
            }
            Self::DataElsewhere(EmbeddedKind::Pglite) => formatter.write_str(
                "this workspace has data in PGlite, but now starts with an empty database in the machine's PostgreSQL; \
                 set `WATERTIGHT_EMBEDDED=pglite` to go back",
            ),
            Self::DataElsewhere(EmbeddedKind::Postgresql) => formatter.write_str(
                "this workspace has data in the machine's PostgreSQL, but now starts with an empty database in PGlite",
            ),
            Self::CreatingServer(kind) => write!(formatter, "creating the embedded {kind} server"),
            Self::StartingServer(kind) => write!(formatter, "starting the embedded {kind} server"),
        }
    }
}
