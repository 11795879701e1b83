use std::fmt;
use std::task::{Context, Poll};

use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::canceller::Canceller;

type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection that speaks PostgreSQL's protocol: notices, the completion of each statement, and cancelling.
///
/// Nothing happens on it until [`poll_message`](Self::poll_message) is called.
pub struct ProtocolConnection {
    client: Client,
    /// `None` once the connection has ended: dropping it ends the responses that are still waited for.
    driver: Option<Driver>,
    canceller: Canceller,
}

impl ProtocolConnection {
    pub(crate) fn new(client: Client, driver: Driver, canceller: Canceller) -> Self {
        Self {
            client,
            driver: Some(driver),
            canceller,
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

    /// Returns what cancels the running statement of this connection and of no other.
    pub fn canceller(&self) -> &Canceller {
        &self.canceller
    }
}

impl fmt::Debug for ProtocolConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProtocolConnection")
            .finish_non_exhaustive()
    }
}
