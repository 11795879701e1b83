use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::backend_pid;
use crate::canceller::Canceller;

pub(crate) type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

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

    /// Returns `None` if the connection has ended.
    pub(crate) fn into_parts(self) -> Option<(Client, Driver)> {
        Some((self.client, self.driver?))
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
        poll_driver(&mut self.driver, context)
    }

    /// Returns the process id that the server gave with the key for cancelling. A pooler gives one that is not
    /// `pg_backend_pid()`. `None` if the server gave none.
    pub fn backend_pid(&self) -> Option<i32> {
        backend_pid::of(&self.client.cancel_token()).filter(|pid| *pid != 0)
    }

    /// Returns the value of a setting that PostgreSQL reports, such as `TimeZone`, as it was last reported.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.driver.as_ref()?.parameter(name)
    }

    /// Returns the first value of a query, which is sent as a simple query. Notices and notifications are dropped.
    ///
    /// # Errors
    /// PostgreSQL's error, and when the connection is lost.
    pub async fn simple_value(&mut self, sql: &str) -> Result<Option<String>, Error> {
        let mut query = pin!(self.client.simple_query(sql));
        let driver = &mut self.driver;
        let messages = poll_fn(|context| {
            loop {
                if let Poll::Ready(messages) = query.as_mut().poll(context) {
                    return Poll::Ready(messages);
                }
                match poll_driver(driver, context) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    // It may have passed on the response.
                    Poll::Ready(None) | Poll::Pending => return query.as_mut().poll(context),
                }
            }
        });
        Ok(messages.await?.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Returns what cancels the running statement of this connection and of no other.
    pub fn canceller(&self) -> &Canceller {
        &self.canceller
    }
}

fn poll_driver(
    driver: &mut Option<Driver>,
    context: &mut Context<'_>,
) -> Poll<Option<Result<AsyncMessage, Error>>> {
    let Some(polled) = driver else {
        return Poll::Ready(None);
    };
    let message = polled.poll_message(context);
    if matches!(message, Poll::Ready(None | Some(Err(_)))) {
        *driver = None;
    }
    message
}

impl fmt::Debug for ProtocolConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProtocolConnection")
            .finish_non_exhaustive()
    }
}
