use std::fmt;

use watertight_connection::{DatabaseUrl, UrlLookupError, UrlOrigin};
use watertight_diagnostics::{Diagnostic, SourceExcerpt};

/// The database of a server: the one of `DATABASE_URL`, from the environment or from `.env`.
///
/// Without `DATABASE_URL`, a server with the feature `embedded` uses the workspace's embedded database, which keeps
/// running while this value is alive. A release build, and a server with `PORT` set, do so only if `WATERTIGHT_EMBEDDED`
/// is set: in production, a missing `DATABASE_URL` must not go unnoticed.
pub struct ServerDatabase {
    url: DatabaseUrl,
    origin: Origin,
}

enum Origin {
    Url(UrlOrigin),
    #[cfg(feature = "embedded")]
    Embedded(Box<watertight_embedded::EmbeddedServer>),
}

/// Why a server failed to find its database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerDatabaseError {
    /// `DATABASE_URL` is not set or malformed.
    #[error(transparent)]
    Url(#[from] UrlLookupError),
    /// `DATABASE_URL` is not set, and the server looks like a production server.
    #[cfg(feature = "embedded")]
    #[error(
        "failed to find the database: DATABASE_URL is not set, and {server} uses the embedded database only if \
         WATERTIGHT_EMBEDDED is set"
    )]
    EmbeddedNotAllowed {
        /// `a release build` or `a server with PORT set`.
        server: &'static str,
    },
    /// The embedded database cannot be used.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] watertight_embedded::DatabaseError),
}

impl Diagnostic for ServerDatabaseError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Url(error) => error.hint(),
            #[cfg(feature = "embedded")]
            Self::EmbeddedNotAllowed { .. } => Some(
                "set DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or WATERTIGHT_EMBEDDED to `postgresql` \
                 or `pglite`"
                    .to_owned(),
            ),
            #[cfg(feature = "embedded")]
            Self::Embedded(error) => error.hint(),
        }
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Url(error) => error.excerpt(),
            #[cfg(feature = "embedded")]
            Self::EmbeddedNotAllowed { .. } => None,
            #[cfg(feature = "embedded")]
            Self::Embedded(error) => error.excerpt(),
        }
    }
}

impl ServerDatabase {
    /// Finds the database, without connecting to it. Starts the embedded database if it is used.
    ///
    /// # Errors
    ///
    /// Returns an error if `DATABASE_URL` is not set or malformed, or the embedded database cannot be started.
    pub fn find() -> Result<Self, ServerDatabaseError> {
        Self::find_with(&|_| {})
    }

    /// As [`find`](Self::find), and calls `report` with a status line before each step that takes long.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_with(report: &(dyn Fn(&str) + Sync)) -> Result<Self, ServerDatabaseError> {
        match DatabaseUrl::find_here() {
            Ok(found) => Ok(Self {
                url: found.url,
                origin: Origin::Url(found.origin),
            }),
            Err(UrlLookupError::NotSet) => without_url(report),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns where the database comes from, such as `DATABASE_URL in the environment`.
    pub fn origin(&self) -> String {
        match &self.origin {
            Origin::Url(origin) => origin.to_string(),
            #[cfg(feature = "embedded")]
            Origin::Embedded(server) => format!("the workspace's embedded {}", server.kind()),
        }
    }
}

impl fmt::Debug for ServerDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerDatabase")
            .field("url", &self.url)
            .field("origin", &self.origin())
            .finish()
    }
}

#[cfg(not(feature = "embedded"))]
fn without_url(_: &(dyn Fn(&str) + Sync)) -> Result<ServerDatabase, ServerDatabaseError> {
    Err(UrlLookupError::NotSet.into())
}

#[cfg(feature = "embedded")]
use embedded::without_url;

#[cfg(feature = "embedded")]
mod embedded {
    use std::env;

    use watertight_connection::{variable, workspace_root};
    use watertight_embedded::{DatabaseError, EMBEDDED_VARIABLE, EmbeddedProgress, EmbeddedServer};

    use super::{Origin, ServerDatabase, ServerDatabaseError};

    pub(super) fn without_url(
        report: &(dyn Fn(&str) + Sync),
    ) -> Result<ServerDatabase, ServerDatabaseError> {
        let root = workspace_root().map_err(DatabaseError::NoWorkspace)?;
        let is_set = |value: String| !value.is_empty();
        check_allowed(
            !cfg!(debug_assertions),
            env::var("PORT").is_ok_and(is_set),
            variable(EMBEDDED_VARIABLE).is_some_and(is_set),
        )?;
        let report = |progress: EmbeddedProgress| report(&progress.to_string());
        let server = EmbeddedServer::acquire_with(&root, &report).map_err(DatabaseError::from)?;
        Ok(ServerDatabase {
            url: server.url().clone(),
            origin: Origin::Embedded(Box::new(server)),
        })
    }

    /// Refuses the embedded database if the server looks like a production server that lacks its `DATABASE_URL`.
    fn check_allowed(
        is_release: bool,
        has_port: bool,
        requested: bool,
    ) -> Result<(), ServerDatabaseError> {
        let server = match (is_release, has_port) {
            _ if requested => return Ok(()),
            (false, false) => return Ok(()),
            (true, _) => "a release build",
            (false, true) => "a server with PORT set",
        };
        Err(ServerDatabaseError::EmbeddedNotAllowed { server })
    }

    #[cfg(test)]
    mod tests {
        use watertight_diagnostics::ErrorReport;

        use super::*;

        #[test]
        fn a_production_server_uses_the_embedded_database_only_on_request() {
            let error = |is_release, has_port| {
                assert!(check_allowed(is_release, has_port, true).is_ok());
                check_allowed(is_release, has_port, false)
                    .map_err(|error| ErrorReport::new(&error).to_string())
            };
            assert_eq!(error(false, false), Ok(()));
            insta::assert_snapshot!(error(true, false).unwrap_err(), @"
            error: failed to find the database: DATABASE_URL is not set, and a release build uses the embedded database only if WATERTIGHT_EMBEDDED is set
            hint: set DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or WATERTIGHT_EMBEDDED to `postgresql` or `pglite`
            ");
            insta::assert_snapshot!(error(false, true).unwrap_err(), @"
            error: failed to find the database: DATABASE_URL is not set, and a server with PORT set uses the embedded database only if WATERTIGHT_EMBEDDED is set
            hint: set DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or WATERTIGHT_EMBEDDED to `postgresql` or `pglite`
            ");
            assert_eq!(error(true, true), error(true, false));
        }
    }
}
