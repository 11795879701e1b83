use std::time::Duration;

use watertight_diagnostics::{Diagnostic, OWN_SESSION_HINT, PostgresError};

/// Why there is no connection. The messages show the URL with `***` instead of the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server listens there.
    #[error("failed to connect to {url}: {reason}")]
    Unreachable {
        /// The URL, without its password.
        url: String,
        /// The hosts that were tried, with their errors.
        reason: String,
    },
    /// The server did not respond in time.
    #[error("failed to connect to {url}: no response within {} s", timeout.as_secs())]
    TimedOut {
        /// The URL, without its password.
        url: String,
        /// The time limit.
        timeout: Duration,
    },
    /// The server rejects this user.
    #[error("failed to connect to {url}: {reason}")]
    Authentication {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's message.
        reason: String,
        /// PostgreSQL's hint.
        postgres_hint: Option<String>,
    },
    /// The database does not exist.
    #[error("failed to connect to {url}: {reason}")]
    NoSuchDatabase {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's message.
        reason: String,
    },
    /// The server is starting, stopping or recovering.
    #[error("failed to connect to {url}: {reason}")]
    NotReady {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's message.
        reason: String,
    },
    /// The server has reached its maximum number of connections, which is one for a PGlite.
    #[error("failed to connect to {url}: {reason}")]
    TooManyConnections {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's message. A PGlite names the process that has the connection.
        reason: String,
        /// PostgreSQL's hint.
        postgres_hint: Option<String>,
    },
    /// The server rejects the connection for another reason.
    #[error("failed to connect to {url}: {reason}")]
    Refused {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's message.
        reason: String,
        /// PostgreSQL's hint.
        postgres_hint: Option<String>,
    },
    /// The certificates to trust cannot be loaded.
    #[error("failed to connect to {url}: {reason}")]
    RootCertificates {
        /// The URL, without its password.
        url: String,
        /// What is missing.
        reason: String,
    },
    /// The TLS handshake failed, or the server's certificate is not trusted.
    #[error("failed to connect to {url}: {reason}")]
    Tls {
        /// The URL, without its password.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The connection was opened, but Diesel could not set up its session.
    #[error("failed to set up the connection to {url}")]
    Setup {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's error.
        source: PostgresError,
    },
    /// A connection pooler gives each transaction the session of another connection.
    #[error(
        "failed to open a session at {url}: a connection pooler in transaction mode shares sessions between its clients"
    )]
    SharedSession {
        /// The URL, without its password.
        url: String,
    },
}

impl ConnectError {
    /// Returns whether the server may be starting: it does not listen yet, its name cannot be resolved yet, or it does
    /// not accept connections yet.
    pub fn may_be_starting(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::NotReady { .. }
        )
    }
}

impl Diagnostic for ConnectError {
    fn hint(&self) -> Option<String> {
        let (postgres_hint, hint) = match self {
            Self::Unreachable { .. } => (None, "start the server, or correct the host and port"),
            Self::TimedOut { .. } => (
                None,
                "correct the host and port, or increase `connect_timeout`",
            ),
            Self::Authentication { postgres_hint, .. } => (
                postgres_hint.clone(),
                "correct the user and the password, or the server's pg_hba.conf",
            ),
            Self::NoSuchDatabase { .. } => (
                None,
                "create it with `cargo xtask db create`, or correct its name",
            ),
            Self::NotReady { .. } => (None, "try again in a moment"),
            Self::TooManyConnections { postgres_hint, .. } => (
                postgres_hint.clone(),
                "close other connections, or increase the server's max_connections",
            ),
            Self::Refused { reason, .. } if reason.starts_with("unsupported startup parameter") => {
                (
                    None,
                    "a connection pooler does not pass this on: remove it from DATABASE_URL, and set what it is for with `ALTER ROLE` or \
                 `ALTER DATABASE`",
                )
            }
            Self::Refused { postgres_hint, .. } => {
                (postgres_hint.clone(), "see the server's log for more")
            }
            Self::RootCertificates { .. } => (
                None,
                "set `sslrootcert` to a file of PEM certificates, or to `system` for those of the operating system",
            ),
            Self::Tls { .. } => (
                None,
                "check the server's certificate, `sslrootcert` and `sslmode`",
            ),
            Self::Setup { source, .. } => (source.hint(), "see the server's log for more"),
            Self::SharedSession { .. } => (None, OWN_SESSION_HINT),
        };
        Some(postgres_hint.unwrap_or_else(|| hint.to_owned()))
    }
}
