//! Connecting: which hosts to try, with or without TLS.

mod cancellable;
pub(crate) mod connect_error;
mod failure;
pub(crate) mod password_file;
pub(crate) mod target;
mod tls;
mod wait;

use std::hash::{BuildHasher as _, RandomState};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::BlockOn as _;
use tokio_postgres::Client;
use watertight_diagnostics::PostgresError;

use crate::canceller::Canceller;
use crate::connection::Connection;
use crate::database_url::DatabaseUrl;
use crate::database_url::settings::HostSettings;
use crate::protocol_connection::{Driver, ProtocolConnection};
use crate::shared_runtime::SharedRuntime;
use connect_error::ConnectError;
use failure::{Failure, may_depend_on_tls};
use target::Target;

impl DatabaseUrl {
    /// Opens a blocking connection.
    ///
    /// Neither this nor the connection may be used inside an async task: see [`SharedRuntime`].
    ///
    /// # Errors
    /// When no connection can be opened. The message never contains the password.
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        SharedRuntime
            .block_on(self.connect_async())
            .map(Connection::from)
    }

    /// Opens an async connection. Its background task runs on the caller's runtime.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_async(&self) -> Result<AsyncPgConnection, ConnectError> {
        self.set_up_diesel(connect(self).await?).await
    }

    /// Turns a connection that speaks the protocol into diesel-async's.
    pub(crate) async fn set_up_diesel(
        &self,
        connection: ProtocolConnection,
    ) -> Result<AsyncPgConnection, ConnectError> {
        let (client, driver) = open_parts(self, connection)?;
        let setup = AsyncPgConnection::try_from_client_and_connection(client, driver);
        set_up(self, setup).await
    }

    /// Opens a connection that speaks PostgreSQL's protocol, for a caller that polls it.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_protocol(&self) -> Result<ProtocolConnection, ConnectError> {
        connect(self).await
    }
}

fn open_parts(
    url: &DatabaseUrl,
    connection: ProtocolConnection,
) -> Result<(Client, Driver), ConnectError> {
    connection.into_parts().ok_or_else(|| ConnectError::Setup {
        url: url.to_string(),
        source: PostgresError::from_message("the connection is closed"),
    })
}

async fn set_up(
    url: &DatabaseUrl,
    setup: impl Future<Output = ConnectionResult<AsyncPgConnection>>,
) -> Result<AsyncPgConnection, ConnectError> {
    with_timeout(url, async { Ok(setup.await) })
        .await
        .map_err(Failure::into_error)?
        .map_err(|error| {
            let error = match error {
                ConnectionError::CouldntSetupConfiguration(error) => error,
                other => diesel::result::Error::QueryBuilderError(other.into()),
            };
            ConnectError::Setup {
                url: url.to_string(),
                source: error.into(),
            }
        })
}

/// Tries one host after the other.
async fn connect(url: &DatabaseUrl) -> Result<ProtocolConnection, ConnectError> {
    let settings = url.settings();
    let mut hosts = settings.hosts.clone();
    if settings.shuffle_hosts {
        let random = RandomState::new();
        hosts.sort_by_cached_key(|host| random.hash_one((&host.host, host.address, host.port)));
    }
    let mut reasons = Vec::new();
    let mut last = None;
    for host in &hosts {
        match with_timeout(url, connect_to(url, host)).await {
            Ok(connection) => return Ok(connection),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::TryNext(error)) => {
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
        None => unreachable!("settings have at least one host"),
    })
}

/// As in libpq, the timeout is for each host.
async fn with_timeout<T>(
    url: &DatabaseUrl,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(timeout) = url.settings().connect_timeout else {
        return attempt.await;
    };
    tokio::time::timeout(timeout, attempt)
        .await
        .unwrap_or_else(|_| {
            Err(Failure::TryNext(ConnectError::TimedOut {
                url: url.to_string(),
                timeout,
            }))
        })
}

/// Connects to one host with TLS, without, or with the one after the other, depending on `sslmode`.
async fn connect_to(url: &DatabaseUrl, host: &HostSettings) -> Result<ProtocolConnection, Failure> {
    let settings = url.settings();
    let target = Target::new(host);
    let attempts = tls::attempts(settings.ssl_mode, target.is_socket());
    let tls = tls::connector(settings).map_err(|error| {
        Failure::Final(ConnectError::RootCertificates {
            url: url.to_string(),
            reason: error.to_string(),
        })
    })?;
    let mut first_error = None;
    for attempt in attempts {
        let config = target.config(settings, *attempt);
        match config.connect(tls.clone()).await {
            Ok((client, connection)) => {
                let canceller = Canceller::new(client.cancel_token(), target, tls);
                return Ok(ProtocolConnection::new(client, connection, canceller));
            }
            Err(error) => {
                let is_last = attempts.last() == Some(attempt) || !may_depend_on_tls(&error);
                // The error of the preferred attempt is more useful than that of the fallback.
                let error = first_error.get_or_insert(error);
                if is_last {
                    return Err(Failure::new(url.to_string(), &target, error));
                }
            }
        }
    }
    unreachable!("the last attempt returns")
}
