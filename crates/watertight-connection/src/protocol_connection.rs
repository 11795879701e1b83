use std::fmt;
use std::task::{Context, Poll};

use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::backend_pid;

type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection that speaks PostgreSQL's protocol: notices, the completion of each statement, and cancelling.
///
/// Nothing happens on it until [`poll_message`](Self::poll_message) is called.
pub struct ProtocolConnection {
    client: Client,
    /// `None` once the connection has ended: dropping it ends the responses that are still waited for.
    driver: Option<Driver>,
    tls: MakeRustlsConnect,
}

impl ProtocolConnection {
    pub(crate) fn new(client: Client, driver: Driver, tls: MakeRustlsConnect) -> Self {
        Self {
            client,
            driver: Some(driver),
            tls,
        }
    }

    pub(crate) fn into_parts(self) -> (Client, Driver) {
        let driver = self.driver.expect("it has not been polled");
        (self.client, driver)
    }

    /// Returns the client, whose requests progress while the connection is polled.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends and receives what it can, and returns the next notice or notification. `None` and an error are final.
    pub fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, Error>>> {
        let Some(driver) = &mut self.driver else {
            return Poll::Ready(None);
        };
        let polled = driver.poll_message(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.driver = None;
        }
        polled
    }

    /// Returns the process id that the server gave with the key for cancelling. A pooler gives one that is not
    /// `pg_backend_pid()`. `None` if the server gave none.
    pub fn backend_pid(&self) -> Option<i32> {
        backend_pid::of(&self.client.cancel_token()).filter(|pid| *pid != 0)
    }

    /// Returns what cancels the running statement of this connection and of no other.
    pub fn canceller(&self) -> Canceller {
        Canceller {
            token: self.client.cancel_token(),
            tls: self.tls.clone(),
        }
    }
}

impl fmt::Debug for ProtocolConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProtocolConnection")
            .finish_non_exhaustive()
    }
}

/// Cancels the running statement of one connection.
///
/// It uses the key that PostgreSQL gave the connection, so it never reaches the session of another process.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    tls: MakeRustlsConnect,
}

impl Canceller {
    /// Asks PostgreSQL to cancel the running statement. PostgreSQL does not say whether there was one.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.token.cancel_query(self.tls.clone()).await
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Canceller").finish_non_exhaustive()
    }
}
