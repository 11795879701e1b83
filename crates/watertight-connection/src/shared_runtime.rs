use std::future::Future;
use std::panic::resume_unwind;
use std::sync::LazyLock;

use diesel_async::async_connection_wrapper::BlockOn;
use tokio::runtime::{Builder, Handle, Runtime};

/// Never dropped: a connection's background task must run as long as the connection, on whichever thread it is used.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("watertight-connection")
        .enable_all()
        .build()
        .expect("the operating system can start one more thread")
});

/// The runtime of all blocking [`Connection`](crate::Connection)s of the process. It has one worker thread.
///
/// Blocking inside an async task panics. There, use
/// [`connect_async`](crate::DatabaseUrl::connect_async), or move the blocking work to
/// `tokio::task::spawn_blocking`.
#[derive(Debug, Clone, Copy)]
pub struct SharedRuntime;

impl SharedRuntime {
    /// Spawns `future` on the worker thread.
    pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        RUNTIME.spawn(future);
    }

    /// Runs blocking work, on a new thread if the caller is inside an async task.
    pub fn run_blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        if Handle::try_current().is_err() {
            return work();
        }
        std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        })
    }
}

impl BlockOn for SharedRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        RUNTIME.block_on(future)
    }

    fn get_runtime() -> Self {
        Self
    }
}
