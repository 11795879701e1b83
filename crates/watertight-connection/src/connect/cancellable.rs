use std::pin::pin;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::BlockOn as _;
use futures_util::future::{Either, select};
use tokio::time::timeout;

use super::{ConnectError, connect, open_parts, set_up};
use crate::connection::Connection;
use crate::database_url::DatabaseUrl;
use crate::shared_runtime::SharedRuntime;

impl DatabaseUrl {
    /// As [`connect`](Self::connect), until `stop` completes: then PostgreSQL is told to cancel what the connection runs,
    /// and after `limit` the connection is closed if it is still in use, so that it cannot block forever.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_cancellable(
        &self,
        stop: impl Future<Output = ()> + Send + 'static,
        limit: Duration,
    ) -> Result<Connection, ConnectError> {
        let connection = SharedRuntime.block_on(async {
            let connection = connect(self).await?;
            let canceller = connection.canceller().clone();
            let (client, driver) = open_parts(self, connection)?;
            SharedRuntime::spawn(async move {
                if let Either::Right(((), driver)) = select(pin!(driver), pin!(stop)).await {
                    let _ = timeout(limit, select(driver, pin!(canceller.cancel_all()))).await;
                }
            });
            set_up(self, AsyncPgConnection::try_from(client)).await
        });
        connection.map(Connection::from)
    }
}
