//! Converts tokio-postgres errors to [`ConnectError`]s.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use super::connect_error::ConnectError;
use super::target::Target;

/// Why a connection to one host failed.
pub(super) enum Failure {
    /// The server responded: other hosts are not tried.
    Final(ConnectError),
    /// The next host is tried.
    TryNext(ConnectError),
}

impl Failure {
    pub(super) fn into_error(self) -> ConnectError {
        match self {
            Self::Final(error) | Self::TryNext(error) => error,
        }
    }

    /// Classifies an error of a connection to `target`.
    pub(super) fn new(url: String, target: &Target, error: &tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::from_postgres(url, error);
        }
        let reason = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        if is_tls(error) {
            return Self::TryNext(ConnectError::Tls { url, reason });
        }
        if is_authentication(error) {
            return Self::Final(ConnectError::Authentication {
                url,
                reason,
                postgres_hint: None,
            });
        }
        let host = match target.address {
            Some(address) => format!("{} ({address})", target.name),
            None => target.name.clone(),
        };
        Self::TryNext(ConnectError::Unreachable {
            url,
            reason: format!("{host} port {}: {reason}", target.port),
        })
    }

    fn from_postgres(url: String, error: &tokio_postgres::error::DbError) -> Self {
        let reason = match error.detail() {
            Some(detail) => format!("{} ({})", error.message(), detail.trim_end_matches('.')),
            None => error.message().to_owned(),
        };
        let postgres_hint = error.hint().map(str::to_owned);
        let code = error.code();
        if *code == SqlState::TOO_MANY_CONNECTIONS {
            Self::TryNext(ConnectError::TooManyConnections {
                url,
                reason,
                postgres_hint,
            })
        } else if code.code().starts_with("28") {
            Self::Final(ConnectError::Authentication {
                url,
                reason,
                postgres_hint,
            })
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            Self::Final(ConnectError::NoSuchDatabase { url, reason })
        } else if [
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
        ]
        .contains(code)
        {
            Self::TryNext(ConnectError::NotReady { url, reason })
        } else {
            Self::TryNext(ConnectError::Refused {
                url,
                reason,
                postgres_hint,
            })
        }
    }
}

/// Returns whether another attempt with or without TLS may succeed: the handshake failed, or `pg_hba.conf` may
/// distinguish between the two.
pub(super) fn may_depend_on_tls(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        None => is_tls(error),
    }
}

// tokio-postgres exposes the kind of an error only in its message.
fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

fn is_authentication(error: &tokio_postgres::Error) -> bool {
    ["authentication error", "invalid configuration"].contains(&error.to_string().as_str())
}
