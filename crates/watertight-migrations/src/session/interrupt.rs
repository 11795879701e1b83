use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use watertight_connection::Canceller;

/// How long PostgreSQL may take to respond after an interruption. Then the connection is given up.
pub(super) const RESPONSE_LIMIT: Duration = Duration::from_secs(5);
/// A request to cancel that arrives between two statements has no effect, so it is repeated.
const PAUSE: Duration = Duration::from_millis(100);

/// Stops what a [`Migrator`](crate::Migrator) runs, from another thread, for example when a signal arrives.
///
/// ```
/// use watertight_connection::DatabaseUrl;
/// use watertight_migrations::{MigrateError, Migrator, RunReport};
///
/// fn run(migrator: &Migrator, url: &DatabaseUrl) -> Result<RunReport, MigrateError> {
///     let interrupt = migrator.interrupt();
///     std::thread::spawn(move || {
///         // Waits for a signal.
///         interrupt.stop();
///     });
///     migrator.run_on(url, &[])
/// }
/// ```
///
/// On the connections that the migrator opens itself, PostgreSQL is told to cancel the running statements, by the key of
/// each connection. A server that does not respond is given up after some seconds. A caller's Diesel connection finishes
/// its migration. In both cases, no further migration is started, and the report says what was applied.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Sender<bool>);

impl Interrupt {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Stops what the migrator runs, for good. Returns at once; a run ends a little later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for [`stop`](Self::stop).
    pub(super) async fn stopped(self) {
        // It cannot be closed, because `self` is a sender.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Waits for the response to what was sent. If the run is stopped meanwhile, the running statements are cancelled by
    /// `canceller`, if there is one.
    /// Returns `None` if there is no response in time after that.
    pub(super) async fn respond<T>(
        &self,
        canceller: Option<&Canceller>,
        response: impl Future<Output = T>,
    ) -> Option<T> {
        let mut response = pin!(response);
        // What is sent after an interruption finds out what happened.
        let canceller = canceller.filter(|_| !self.is_stopped());
        let stopped = pin!(self.clone().stopped());
        if let Either::Left((response, _)) = select(response.as_mut(), stopped).await {
            return Some(response);
        }
        let Some(canceller) = canceller else {
            return timeout(RESPONSE_LIMIT, response).await.ok();
        };
        let deadline = Instant::now() + RESPONSE_LIMIT;
        while Instant::now() < deadline {
            // Both are waited for, so that no request is left that could cancel what is sent next.
            let (_, received) = join(canceller.cancel(), timeout(PAUSE, response.as_mut())).await;
            if let Ok(received) = received {
                return Some(received);
            }
        }
        None
    }

    /// Returns `None` if the run is stopped first.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.clone().stopped())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}
