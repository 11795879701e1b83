use std::io;
use std::num::ParseIntError;

use tracing_subscriber::filter::ParseError;
use watertight_connection::ConnectError;
use watertight_diagnostics::{Diagnostic, ExitCode, SourceExcerpt};
use watertight_migrations::MigrateError;

use crate::server::server_error::ServerError;
use crate::server_database::ServerDatabaseError;

/// Why a command of a server failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Database(#[from] ServerDatabaseError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("failed to read PORT in the environment: {port:?} is not a port")]
    Port { port: String, source: ParseIntError },
    #[error("failed to read RUST_LOG in the environment")]
    LogFilter(#[source] ParseError),
    #[error("failed to write the output")]
    Output(#[source] io::Error),
}

impl CliError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Migrate(error) if error.is_interrupted() => ExitCode::Interrupted,
            _ => ExitCode::Failure,
        }
    }
}

impl Diagnostic for CliError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Migrate(error) => error.hint(),
            Self::Connect(error) => error.hint(),
            Self::Output(_) => None,
            Self::Port { .. } => Some("set it to a number from 0 to 65535, or unset it".to_owned()),
            Self::LogFilter(_) => Some("write it like `info,tower_http=debug`".to_owned()),
        }
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Server(error) => error.excerpt(),
            Self::Database(error) => error.excerpt(),
            Self::Connect(error) => error.excerpt(),
            Self::Migrate(error) => error.excerpt(),
            _ => None,
        }
    }
}
