//! Waiting for a server that starts.

use std::time::Duration;

use diesel_async::async_connection_wrapper::BlockOn as _;
use tokio::time::{Instant, sleep, timeout_at};

use super::connect_error::ConnectError;
use crate::database_url::DatabaseUrl;
use crate::shared_runtime::SharedRuntime;

const PAUSE: Duration = Duration::from_millis(200);

impl DatabaseUrl {
    /// Waits until a connection can be opened, and closes it again. Calls `report` with the first error and with each
    /// other one after it.
    ///
    /// As [`connect`](Self::connect), it must not be used inside an async task.
    ///
    /// # Errors
    /// At once, when the error is not that of a server that [may be starting](ConnectError::may_be_starting). After
    /// `limit`, the last error.
    pub fn wait_until_ready(
        &self,
        limit: Duration,
        report: impl Fn(&ConnectError),
    ) -> Result<(), ConnectError> {
        SharedRuntime.block_on(self.poll(limit, report))
    }

    async fn poll(
        &self,
        limit: Duration,
        report: impl Fn(&ConnectError),
    ) -> Result<(), ConnectError> {
        let timed_out = || ConnectError::TimedOut {
            url: self.to_string(),
            timeout: limit,
        };
        // A limit that is too large for a point in time is none.
        let deadline = Instant::now()
            .checked_add(limit)
            .unwrap_or_else(|| Instant::now() + Duration::from_hours(24 * 365));
        let mut reported = String::new();
        loop {
            let attempt = timeout_at(deadline, self.connect_async()).await;
            let error = match attempt {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => return Err(timed_out()),
            };
            if !error.may_be_starting() || Instant::now() + PAUSE >= deadline {
                return Err(error);
            }
            if reported != error.to_string() {
                report(&error);
                reported = error.to_string();
            }
            sleep(PAUSE).await;
        }
    }
}
