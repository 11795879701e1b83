//! One client's session: what either side sends goes to the other.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::engine::Engine;
use crate::turn::Taken;

/// PostgreSQL's message for the end of a session.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// How long a statement may go on after its client has gone.
const GRACE: Duration = Duration::from_secs(2);

/// Returns when the session has ended on both sides.
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
            // However it ends: the client is gone.
            let _ = io::copy(&mut &*client, &mut &*postgres);
            taken.leave();
            let _ = (&*postgres).write_all(&TERMINATE);
            let _ = postgres.shutdown(Shutdown::Write);
            if end.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("watertight-pglite: a client has gone; its statement is ended");
                engine.kill();
            }
        });
        let _ = io::copy(&mut &*postgres, &mut &*client);
        // A client that has gone takes no more; PostgreSQL is heard out all the same, and ends the session.
        let _ = io::copy(&mut &*postgres, &mut io::sink());
        let _ = client.shutdown(Shutdown::Both);
        drop(ended);
    });
    Ok(())
}
