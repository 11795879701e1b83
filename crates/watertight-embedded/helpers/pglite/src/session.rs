//! The session of a client, which forwards data in both directions.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::engine::Engine;
use crate::turn::Taken;

/// PostgreSQL's message that ends a session.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// How long a statement may continue after its client has disconnected.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the session until it has ended on both sides.
pub fn run(
    client: &UnixStream,
    postgres: &UnixStream,
    startup: &[u8],
    engine: &Engine,
    taken: &Taken<'_>,
) -> io::Result<()> {
    (&*postgres).write_all(startup)?;
    let (ended, end) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // Also after an error, the client has disconnected.
            let _ = io::copy(&mut &*client, &mut &*postgres);
            taken.leave();
            let _ = (&*postgres).write_all(&TERMINATE);
            let _ = postgres.shutdown(Shutdown::Write);
            if end.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
                eprintln!(
                    "watertight-pglite: a client has disconnected; its statement is cancelled"
                );
                engine.kill();
            }
        });
        let _ = io::copy(&mut &*postgres, &mut &*client);
        // If the client has disconnected, the rest is discarded until PostgreSQL ends the session.
        let _ = io::copy(&mut &*postgres, &mut io::sink());
        let _ = client.shutdown(Shutdown::Both);
        drop(ended);
    });
    Ok(())
}
