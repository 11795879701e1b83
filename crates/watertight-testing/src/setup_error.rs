use watertight_connection::{ConnectError, WorkspaceError};
use watertight_diagnostics::{Diagnostic, SourceExcerpt};
use watertight_embedded::{DatabaseError, MaintenanceError};
use watertight_migrations::{LoadError, MigrateError};

/// Why a test does not get its database.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum SetupError {
    Workspace(#[from] WorkspaceError),
    Database(#[from] DatabaseError),
    /// The same for all tests of the process.
    Server(#[from] &'static SetupError),
    Load(#[from] LoadError),
    Maintenance(#[from] MaintenanceError),
    Connect(#[from] ConnectError),
    Migrate(#[from] MigrateError),
}

impl Diagnostic for SetupError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Migrate(error) => error.hint(),
            Self::Workspace(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Maintenance(error) => error.hint(),
            Self::Connect(error) => error.hint(),
        }
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Load(error) => error.excerpt(),
            Self::Migrate(error) => error.excerpt(),
            _ => None,
        }
    }
}
