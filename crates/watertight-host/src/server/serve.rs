//! Serving until a shutdown is requested, without dropping requests.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::server::server_error::ServerError;

/// How long open requests may take after a shutdown was requested.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen { address, source })
}

/// Serves until `shutdown` completes, and then until the open requests are finished or the grace period is over.
///
/// # Errors
///
/// Returns an error if the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let (sender, mut receiver) = watch::channel(false);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        let _ = sender.send(true);
    });
    let grace_period = async move {
        // Fails only if the sender was dropped, because the server has ended.
        let _ = receiver.wait_for(|requested| *requested).await;
        sleep(GRACE_PERIOD).await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        () = grace_period => {
            tracing::warn!("stopped with open requests after {} s", GRACE_PERIOD.as_secs());
            Ok(())
        }
    }
}

/// SIGINT (Ctrl-C) and SIGTERM, from when this is created.
pub(crate) struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl ShutdownSignals {
    /// Needs the runtime's context.
    ///
    /// # Errors
    ///
    /// Returns an error if the signal handlers cannot be installed.
    pub(crate) fn new() -> Result<Self, ServerError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
