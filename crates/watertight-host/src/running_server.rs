use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use watertight_connection::DatabaseUrl;

use crate::error_chain::error_chain;
use crate::server::Server;
use crate::server::serve;
use crate::server::server_error::ServerError;

/// A server that runs in threads of this process. Dropping it shuts the server down after the open requests.
pub struct RunningServer {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the server on a free local port, in threads of this process, until the returned value is dropped. For
    /// tests.
    ///
    /// This does not run migrations.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugins are inconsistent, a start-up hook fails, or the system refuses a port or a
    /// thread.
    pub fn spawn(self, database: &DatabaseUrl) -> Result<RunningServer, ServerError> {
        let database = database.clone();
        let (shutdown, shutdown_requested) = oneshot::channel();
        let (started, start) = mpsc::channel::<Result<SocketAddr, ServerError>>();
        // `Runtime::block_on` panics in the thread of an async test, so the server has its own thread.
        let thread = thread::Builder::new().spawn(move || {
            let runtime = match Runtime::new() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(Err(error.into()));
                    return;
                }
            };
            runtime.block_on(async {
                let (address, listener, router) = match start_up(self, &database).await {
                    Ok(ready) => ready,
                    Err(error) => {
                        let _ = started.send(Err(error));
                        return;
                    }
                };
                let _ = started.send(Ok(address));
                // A dropped sender requests the shutdown too.
                let shutdown = async { drop(shutdown_requested.await) };
                if let Err(error) = serve::serve(listener, router, shutdown).await {
                    tracing::error!(error = error_chain(&error), "the server failed");
                }
            });
        })?;
        let address = start
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the server's thread panicked").into()))?;
        Ok(RunningServer {
            address,
            shutdown: Some(shutdown),
            thread: Some(thread),
        })
    }
}

async fn start_up(
    server: Server,
    database: &DatabaseUrl,
) -> Result<(SocketAddr, TcpListener, Router), ServerError> {
    let mut assembled = server.assemble(database)?;
    assembled.run_hooks().await?;
    let listener = serve::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    Ok((
        listener.local_addr()?,
        listener,
        assembled.into_router_with_fallback(),
    ))
}

impl RunningServer {
    /// Returns the server's URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
