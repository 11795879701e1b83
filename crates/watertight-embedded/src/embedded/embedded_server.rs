use std::fmt;
use std::path::Path;

use watertight_connection::{DatabaseUrl, SharedRuntime};

use super::acquire::acquire;
use super::choose::choose_kind;
use super::state::backend::JoinedServer;
use super::state::embedded_error::EmbeddedError;
use super::state::embedded_kind::EmbeddedKind;
use super::state::embedded_progress::EmbeddedProgress;
use super::state::embedded_status::EmbeddedStatus;
use super::state::home::Home;
use super::state::server_location::ServerLocation;
use super::stop::stop;
use super::{pglite, postgresql};

/// The embedded server of a workspace, which runs while this value is alive.
///
/// Processes share it: each user holds a lease, and an open connection counts as one too. Some seconds after the last
/// user has ended, even if it was killed, the server stops. The data stays.
pub struct EmbeddedServer {
    kind: EmbeddedKind,
    server: JoinedServer,
}

impl fmt::Debug for EmbeddedServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedServer")
            .field("url", self.url())
            .finish_non_exhaustive()
    }
}

impl EmbeddedServer {
    /// Uses the server of the workspace at `workspace_root`, and starts it if it is not running.
    ///
    /// It is PGlite if PostgreSQL is not installed, or if [`WATERTIGHT_EMBEDDED`](crate::EMBEDDED_VARIABLE) is `pglite`.
    /// PGlite is built when it is first needed.
    ///
    /// # Errors
    /// When neither is available, or the server does not start.
    pub fn acquire(workspace_root: &Path) -> Result<Self, EmbeddedError> {
        Self::acquire_with(workspace_root, &|_| {})
    }

    /// As [`acquire`](Self::acquire), and calls `report` before each step that takes long.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_with(
        workspace_root: &Path,
        report: &(dyn Fn(EmbeddedProgress) + Sync),
    ) -> Result<Self, EmbeddedError> {
        SharedRuntime::run_blocking(|| {
            let (kind, server) = acquire(workspace_root, report)?;
            Ok(Self { kind, server })
        })
    }

    /// Returns the URL of the workspace's database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.server.url
    }

    /// Returns the kind of server.
    pub fn kind(&self) -> EmbeddedKind {
        self.kind
    }

    /// Returns the state of a workspace's server, without starting it or creating anything.
    ///
    /// # Errors
    /// When `.watertight/` cannot be read, or a running server does not respond.
    pub fn status(workspace_root: &Path) -> Result<EmbeddedStatus, EmbeddedError> {
        SharedRuntime::run_blocking(|| {
            let kind = match choose_kind(workspace_root) {
                // The status is that there is no server.
                Err(EmbeddedError::NoBinaries { .. }) => EmbeddedKind::Postgresql,
                kind => kind?,
            };
            let home = Home::at(workspace_root, kind)?;
            let location = home.location()?;
            let running = match &location {
                Some(location) if home.is_server_alive()? => match kind {
                    EmbeddedKind::Postgresql => postgresql::running(location)?,
                    EmbeddedKind::Pglite => pglite::running(location),
                },
                _ => None,
            };
            Ok(EmbeddedStatus {
                kind,
                data_folder: location.as_ref().map(ServerLocation::data),
                log_file: location.as_ref().map(ServerLocation::log),
                running,
            })
        })
    }

    /// Stops the server of a workspace, even if it is in use, and waits until it has ended. Committed data stays. Returns
    /// the kind of server that was running.
    ///
    /// # Errors
    /// When the server cannot be stopped, or has not ended after a minute.
    pub fn stop(workspace_root: &Path) -> Result<Option<EmbeddedKind>, EmbeddedError> {
        let mut stopped = None;
        for kind in [EmbeddedKind::Pglite, EmbeddedKind::Postgresql] {
            if stop(&Home::at(workspace_root, kind)?)? {
                stopped = Some(kind);
            }
        }
        Ok(stopped)
    }
}
