//! Whether a connection has a session of PostgreSQL for itself, or shares sessions with others through a pooler.

use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::AsyncMessage;

use crate::connect::connect_error::ConnectError;
use crate::connection::Connection;
use crate::database_url::DatabaseUrl;
use crate::protocol_connection::ProtocolConnection;
use crate::shared_runtime::SharedRuntime;
use diesel_async::async_connection_wrapper::BlockOn as _;

/// How long to wait for a notification, which takes milliseconds.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(2);

impl DatabaseUrl {
    /// Like [`connect`](Self::connect), and fails behind a connection pooler in transaction mode, which gives each
    /// transaction the session of another connection.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`ConnectError::SharedSession`].
    pub fn connect_session(&self) -> Result<Connection, ConnectError> {
        SharedRuntime
            .block_on(async {
                let mut connection = self.connect_protocol().await?;
                if self.is_pooled(&mut connection).await
                    && !self.has_own_session(&mut connection).await?
                {
                    return Err(ConnectError::SharedSession {
                        url: self.to_string(),
                    });
                }
                self.set_up_diesel(connection).await
            })
            .map(Connection::from)
    }

    /// Returns whether there is a pooler: it gives its clients keys of its own.
    async fn is_pooled(&self, connection: &mut ProtocolConnection) -> bool {
        let Some(pid) = connection.backend_pid() else {
            return false;
        };
        let query = format!("SELECT 1 WHERE pg_catalog.pg_backend_pid() = {pid}");
        let found = connection.simple_value(&query).await;
        !self.serves_one_connection() && matches!(found, Ok(None))
    }

    /// Returns whether a connection through a pooler keeps its session: it is notified while it is idle.
    ///
    /// # Errors
    /// When the connection that notifies cannot be opened.
    pub async fn has_own_session(
        &self,
        connection: &mut ProtocolConnection,
    ) -> Result<bool, ConnectError> {
        let random = RandomState::new().hash_one(connection.backend_pid());
        let channel = format!("watertight_{random:x}");
        let listening = connection.simple_value(&format!("LISTEN {channel}")).await;
        if listening.is_err() {
            return Ok(false);
        }
        let mut other = self.connect_protocol().await?;
        let notified = tokio::time::timeout(NOTIFICATION_TIMEOUT, async {
            let notified = other.simple_value(&format!("NOTIFY {channel}")).await;
            notified.is_ok() && is_notified(connection, &channel).await
        });
        let has_own_session = notified.await.unwrap_or(false);
        let unlistened = connection
            .simple_value(&format!("UNLISTEN {channel}"))
            .await;
        Ok(has_own_session && unlistened.is_ok())
    }
}

/// Waits for a notification. Returns `false` if the connection is lost.
async fn is_notified(connection: &mut ProtocolConnection, channel: &str) -> bool {
    poll_fn(|context| {
        loop {
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(notification))))
                    if notification.channel() == channel =>
                {
                    return Poll::Ready(true);
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
