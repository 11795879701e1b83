//! Making a connection: which servers to try, with or without TLS, and what to say when none will do.

use std::error::Error as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio_postgres::config::{Config, SslMode as Attempt};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::DatabaseUrl;
use crate::passfile;
use crate::settings::{HostSettings, Settings, SslMode};
use crate::tls::{self, RootsError};

/// Where servers put their sockets when nothing else is said.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Why there is no connection. The messages show the URL with `***` for the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server answers there.
    #[error("failed to connect to {url}: {reason}; start the server, or correct the host and port")]
    Unreachable {
        /// The URL, without its password.
        url: String,
        /// What was tried, and what came of it.
        reason: String,
    },
    /// The server did not answer in time.
    #[error("failed to connect to {url}: no answer within {} s; correct the host and port, or raise `connect_timeout`", timeout.as_secs())]
    TimedOut {
        /// The URL, without its password.
        url: String,
        /// How long the whole attempt was allowed to take.
        timeout: Duration,
    },
    /// The server does not let this user in.
    #[error(
        "failed to connect to {url}: {reason}; correct the user and the password, or the server's pg_hba.conf"
    )]
    Authentication {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's words.
        reason: String,
    },
    /// The server has no such database.
    #[error("failed to connect to {url}: {reason}; create the database, or correct its name")]
    NoSuchDatabase {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's words.
        reason: String,
    },
    /// The server is starting, stopping or recovering.
    #[error("failed to connect to {url}: {reason}; try again in a moment")]
    NotReady {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's words.
        reason: String,
    },
    /// The server has as many connections as it takes; a PGlite takes one.
    #[error("failed to connect to {url}: {reason}; {advice}")]
    TooManyConnections {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's words. Of a PGlite, they name the process that has the connection.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The server refuses for another reason.
    #[error("failed to connect to {url}: {reason}; see the server's log for more")]
    Refused {
        /// The URL, without its password.
        url: String,
        /// PostgreSQL's words.
        reason: String,
    },
    /// The certificates to trust cannot be had.
    #[error(
        "failed to connect to {url}: {reason}; name a file of PEM certificates with `sslrootcert=FILE`, or trust the system's with `sslrootcert=system`"
    )]
    RootCertificates {
        /// The URL, without its password.
        url: String,
        /// What is missing.
        reason: String,
    },
    /// TLS could not be set up, or the server's certificate was not accepted.
    #[error(
        "failed to connect to {url}: {reason}; check the server's certificate, `sslrootcert` and `sslmode`"
    )]
    Tls {
        /// The URL, without its password.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The connection was there, but could not be set up for Diesel.
    #[error(
        "failed to set up the connection to {url}: {reason}; if a pooler in transaction mode is between, connect straight to PostgreSQL, else see the server's log"
    )]
    Setup {
        /// The URL, without its password.
        url: String,
        /// What went wrong.
        reason: String,
    },
}

/// What one host said.
enum Failure {
    /// The server answered; no other server is asked.
    Final(ConnectError),
    /// Another host may do better.
    Next(ConnectError),
}

/// Tries one host after the other.
pub(crate) async fn connect(url: &DatabaseUrl) -> Result<AsyncPgConnection, ConnectError> {
    let settings = url.settings();
    let mut hosts = settings.hosts.clone();
    if settings.shuffle_hosts {
        let random = RandomState::new();
        hosts.sort_by_cached_key(|host| random.hash_one((&host.host, host.address, host.port)));
    }
    let mut reasons = Vec::new();
    let mut last = None;
    for host in &hosts {
        match in_time(url, connect_to(url, host)).await {
            Ok(connection) => return Ok(connection),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Next(error)) => {
                if let ConnectError::Unreachable { reason, .. } = &error {
                    reasons.push(reason.clone());
                }
                last = Some(error);
            }
        }
    }
    Err(match last {
        Some(ConnectError::Unreachable { url, .. }) => ConnectError::Unreachable {
            url,
            reason: reasons.join(", "),
        },
        Some(error) => error,
        None => unreachable!("settings hold at least one host"),
    })
}

/// As in libpq, each host has the whole timeout.
async fn in_time(
    url: &DatabaseUrl,
    attempt: impl Future<Output = Result<AsyncPgConnection, Failure>>,
) -> Result<AsyncPgConnection, Failure> {
    let Some(timeout) = url.settings().connect_timeout else {
        return attempt.await;
    };
    tokio::time::timeout(timeout, attempt)
        .await
        .unwrap_or_else(|_| {
            Err(Failure::Next(ConnectError::TimedOut {
                url: url.to_string(),
                timeout,
            }))
        })
}

/// One host, with TLS, without, or first one and then the other.
async fn connect_to(url: &DatabaseUrl, host: &HostSettings) -> Result<AsyncPgConnection, Failure> {
    let settings = url.settings();
    let target = Target::new(host);
    let attempts: &[Attempt] = if target.is_socket() {
        &[Attempt::Disable]
    } else {
        match settings.ssl_mode {
            SslMode::Disable => &[Attempt::Disable],
            SslMode::Allow => &[Attempt::Disable, Attempt::Require],
            SslMode::Prefer => &[Attempt::Prefer, Attempt::Disable],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Require],
        }
    };
    let tls = tls::connector(settings).map_err(|error| Failure::Final(roots_error(url, &error)))?;
    let mut first_error = None;
    for attempt in attempts {
        let config = config(settings, &target, *attempt);
        match open(url, &config, tls.clone()).await {
            Ok(connection) => return Ok(connection),
            Err(Opening::Setup(error)) => return Err(Failure::Final(error)),
            Err(Opening::Connect(error)) => {
                let again = may_depend_on_tls(&error);
                // What the preferred way met says more than what the fallback met.
                let error = first_error.get_or_insert(error);
                if !again || attempts.last() == Some(attempt) {
                    return Err(describe(url, &target, error));
                }
            }
        }
    }
    unreachable!("the last attempt returns")
}

enum Opening {
    Connect(tokio_postgres::Error),
    Setup(ConnectError),
}

async fn open(
    url: &DatabaseUrl,
    config: &Config,
    tls: MakeRustlsConnect,
) -> Result<AsyncPgConnection, Opening> {
    let (client, connection) = config.connect(tls).await.map_err(Opening::Connect)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection)
        .await
        .map_err(|error| {
            Opening::Setup(ConnectError::Setup {
                url: url.to_string(),
                reason: error.to_string(),
            })
        })
}

/// Where one host is to be found.
struct Target {
    /// For TLS, or the socket's folder.
    name: String,
    address: Option<std::net::IpAddr>,
    port: u16,
}

impl Target {
    fn new(host: &HostSettings) -> Self {
        let default = || match host.address {
            Some(address) => address.to_string(),
            None => SOCKET_FOLDERS
                .into_iter()
                .find(|folder| {
                    Path::new(folder)
                        .join(format!(".s.PGSQL.{}", host.port))
                        .exists()
                })
                .unwrap_or("localhost")
                .to_owned(),
        };
        Self {
            name: host.host.clone().unwrap_or_else(default),
            address: host.address,
            port: host.port,
        }
    }

    fn is_socket(&self) -> bool {
        self.name.starts_with('/') && self.address.is_none()
    }
}

fn config(settings: &Settings, target: &Target, attempt: Attempt) -> Config {
    let mut config = Config::new();
    config
        .host(&target.name)
        .port(target.port)
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(&settings.application_name)
        .ssl_mode(attempt)
        .ssl_negotiation(settings.ssl_negotiation)
        .channel_binding(settings.channel_binding)
        .target_session_attrs(settings.session)
        .keepalives(settings.tcp.keepalives);
    if let Some(address) = target.address {
        config.hostaddr(address);
    }
    let from_file = || {
        // libpq looks for `localhost` where it connects to its default socket.
        let name = if SOCKET_FOLDERS.contains(&target.name.as_str()) {
            "localhost"
        } else {
            &target.name
        };
        let file = settings.passfile.as_deref()?;
        passfile::password(file, name, target.port, &settings.database, &settings.user)
    };
    if let Some(password) = settings.password.clone().or_else(from_file) {
        config.password(password);
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    if let Some(idle) = settings.tcp.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = settings.tcp.interval {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = settings.tcp.retries {
        config.keepalives_retries(retries);
    }
    if let Some(timeout) = settings.tcp.user_timeout {
        config.tcp_user_timeout(timeout);
    }
    config
}

/// Whether the same server may answer otherwise with TLS, or without: it broke the handshake off, or its
/// `pg_hba.conf` tells the two apart.
fn may_depend_on_tls(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        None => is_tls(error),
    }
}

// tokio-postgres tells the kinds of its errors apart in their text only.
fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

fn is_authentication(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text == "authentication error" || text == "invalid configuration"
}

fn roots_error(url: &DatabaseUrl, error: &RootsError) -> ConnectError {
    ConnectError::RootCertificates {
        url: url.to_string(),
        reason: error.to_string(),
    }
}

fn describe(url: &DatabaseUrl, target: &Target, error: &tokio_postgres::Error) -> Failure {
    let shown = url.to_string();
    if let Some(said) = error.as_db_error() {
        if *said.code() == SqlState::TOO_MANY_CONNECTIONS {
            let advice = "close others, or raise the server's max_connections";
            return Failure::Next(ConnectError::TooManyConnections {
                url: shown,
                reason: said.message().to_owned(),
                advice: said.hint().unwrap_or(advice).to_owned(),
            });
        }
        let reason = match said.hint() {
            Some(hint) => format!("{} ({hint})", said.message()),
            None => said.message().to_owned(),
        };
        let code = said.code();
        return if code.code().starts_with("28") {
            Failure::Final(ConnectError::Authentication { url: shown, reason })
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            Failure::Final(ConnectError::NoSuchDatabase { url: shown, reason })
        } else if [
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
        ]
        .contains(code)
        {
            Failure::Next(ConnectError::NotReady { url: shown, reason })
        } else {
            Failure::Next(ConnectError::Refused { url: shown, reason })
        };
    }
    let cause = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    if is_tls(error) {
        return Failure::Next(ConnectError::Tls {
            url: shown,
            reason: cause,
        });
    }
    if is_authentication(error) {
        return Failure::Final(ConnectError::Authentication {
            url: shown,
            reason: cause,
        });
    }
    let place = match target.address {
        Some(address) => format!("{} ({address})", target.name),
        None => target.name.clone(),
    };
    let reason = format!("{place} port {}: {cause}", target.port);
    Failure::Next(ConnectError::Unreachable { url: shown, reason })
}
