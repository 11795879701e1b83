//! Listening, and stopping without dropping requests.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::ServerError;

/// How long requests that are under way may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(30);

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen { address, source })
}

/// Serves until `stop` is done, and then until the requests that are under way are answered, or the grace is over.
///
/// # Errors
///
/// When the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let (stopping, mut stopped) = watch::channel(false);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(true);
    });
    let grace_is_over = async move {
        // An error means that the sender is gone, and the server with it.
        let _ = stopped.wait_for(|stopping| *stopping).await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        () = grace_is_over => {
            tracing::warn!("stopped with requests under way after {} s", GRACE.as_secs());
            Ok(())
        }
    }
}

/// Done when the process is told to stop, by Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When the system does not let the process listen to signals.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()> + Send + 'static, ServerError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping; requests under way are finished first");
    })
}
