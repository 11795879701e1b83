//! The database of a workspace: the one of `DATABASE_URL`, or else the embedded one.

use std::fmt;
use std::path::{Path, PathBuf};

use watertight_connection::{
    DatabaseUrl, FoundUrl, UrlLookupError, UrlOrigin, WorkspaceError, workspace_root,
};

use watertight_diagnostics::Diagnostic;

use crate::embedded::embedded_server::EmbeddedServer;
use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::embedded_kind::EmbeddedKind;
use crate::embedded::state::embedded_progress::EmbeddedProgress;

/// The database of a workspace. While it is alive, the embedded server (if it is one) keeps running.
pub struct Database {
    url: DatabaseUrl,
    origin: DatabaseOrigin,
    _embedded: Option<EmbeddedServer>,
}

/// Where a [`Database`] comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseOrigin {
    /// `DATABASE_URL`.
    Url(UrlOrigin),
    /// `DATABASE_URL` is not set: it is the workspace's embedded server.
    Embedded(EmbeddedKind),
}

/// Why a workspace has no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `DATABASE_URL` or the `.env` file is malformed.
    #[error(transparent)]
    Url(#[from] UrlLookupError),
    /// `DATABASE_URL` is not set, and there is no workspace that could have an embedded server.
    #[error(
        "failed to find the database: DATABASE_URL is not set, and there is no workspace for an embedded database"
    )]
    NoWorkspace(#[source] WorkspaceError),
    /// The embedded server cannot be used.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

impl Diagnostic for DatabaseError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Url(error) => error.hint(),
            Self::NoWorkspace(_) => UrlLookupError::NotSet.hint(),
            Self::Embedded(error) => error.hint(),
        }
    }
}

impl fmt::Display for DatabaseOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(origin) => origin.fmt(formatter),
            Self::Embedded(kind) => write!(formatter, "the workspace's embedded {kind}"),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("url", &self.url)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Finds the database of the workspace at `workspace_root`: `DATABASE_URL` in the environment, then in the folder's
    /// `.env`, else the embedded server, which is started if it is not running.
    ///
    /// This does not connect to a database that `DATABASE_URL` names.
    ///
    /// # Errors
    /// When `DATABASE_URL` or `.env` is malformed, or the embedded server does not start.
    pub fn find(workspace_root: &Path) -> Result<Self, DatabaseError> {
        Self::find_with(workspace_root, &|_| {})
    }

    /// As [`find`](Self::find), and calls `report` before each step that takes long.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_with(
        workspace_root: &Path,
        report: &(dyn Fn(EmbeddedProgress) + Sync),
    ) -> Result<Self, DatabaseError> {
        match DatabaseUrl::find(workspace_root)? {
            Some(found) => Ok(found.into()),
            None => Ok(EmbeddedServer::acquire_with(workspace_root, report)?.into()),
        }
    }

    /// Finds the database of the workspace that this process works for, as [`find`](Self::find) does. Outside of a
    /// workspace, as on a production machine, only `DATABASE_URL` counts.
    ///
    /// # Errors
    /// As [`find`](Self::find), and when there is neither a workspace nor a `DATABASE_URL`.
    pub fn find_here() -> Result<Self, DatabaseError> {
        Self::find_here_with(&|_| {})
    }

    /// As [`find_here`](Self::find_here), and calls `report` before each step that takes long.
    ///
    /// # Errors
    /// As [`find_here`](Self::find_here).
    pub fn find_here_with(
        report: &(dyn Fn(EmbeddedProgress) + Sync),
    ) -> Result<Self, DatabaseError> {
        let error = match workspace_root() {
            Ok(root) => return Self::find_with(&root, report),
            Err(error) => error,
        };
        let folder = PathBuf::from(".");
        let found = DatabaseUrl::find(&folder)?.ok_or(DatabaseError::NoWorkspace(error))?;
        Ok(found.into())
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns where the database comes from.
    pub fn origin(&self) -> &DatabaseOrigin {
        &self.origin
    }
}

impl From<FoundUrl> for Database {
    fn from(found: FoundUrl) -> Self {
        Self {
            url: found.url,
            origin: DatabaseOrigin::Url(found.origin),
            _embedded: None,
        }
    }
}

impl From<EmbeddedServer> for Database {
    fn from(server: EmbeddedServer) -> Self {
        Self {
            url: server.url().clone(),
            origin: DatabaseOrigin::Embedded(server.kind()),
            _embedded: Some(server),
        }
    }
}
