use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use watertight_connection::DatabaseUrl;

use crate::{Server, ServerError, serve};

/// A server that runs in threads of this process. Dropping it stops it, after the requests that are under way.
pub struct RunningServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    pub(crate) fn start(server: Server, database: &DatabaseUrl) -> Result<Self, ServerError> {
        let database = database.clone();
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::channel::<Result<SocketAddr, ServerError>>();
        // A thread of its own, so that it can be called from inside an async test too.
        let thread = thread::Builder::new().spawn(move || {
            let runtime = match Runtime::new() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(Err(error.into()));
                    return;
                }
            };
            runtime.block_on(async {
                let ready = async {
                    let mut assembled = server.assemble(&database)?;
                    assembled.start().await?;
                    let listener = serve::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
                    Ok::<_, ServerError>((
                        listener.local_addr()?,
                        listener,
                        assembled.into_router(),
                    ))
                };
                match ready.await {
                    Err(error) => {
                        let _ = started.send(Err(error));
                    }
                    Ok((address, listener, router)) => {
                        let _ = started.send(Ok(address));
                        // Dropped or told: both mean stop.
                        let stop = async { drop(stopped.await) };
                        if let Err(error) = serve::serve(listener, router, stop).await {
                            tracing::error!(%error, "the server ended");
                        }
                    }
                }
            });
        })?;
        let address = start
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("its thread panicked").into()))?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
