//! A network with latency: a proxy in front of a PostgreSQL server that delays every byte and counts round trips.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A TCP port that leads to a server's socket. Each direction takes half the round trip; bandwidth is not limited.
///
/// It uses blocking threads, because a timer of an async runtime is too coarse for a few milliseconds.
pub struct Proxy {
    port: u16,
    round_trips: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens until the process ends.
    pub fn start(socket: &Path, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let round_trips = Arc::new(AtomicUsize::new(0));
        let (socket, counter) = (socket.to_owned(), Arc::clone(&round_trips));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose server cannot be reached sees the end of its connection.
                let _ = forward(client, &socket, round_trip, &counter);
            }
        });
        Ok(Self { port, round_trips })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the round trips of all connections since the last call: the handshake of TCP, and bytes of a client that
    /// the server responded to.
    pub fn take_round_trips(&self) -> usize {
        self.round_trips.swap(0, Ordering::SeqCst)
    }
}

fn forward(
    client: TcpStream,
    socket: &Path,
    round_trip: Duration,
    round_trips: &Arc<AtomicUsize>,
) -> io::Result<()> {
    // The client is connected already. In a network, it could send nothing before the handshake's round trip.
    let connected = Instant::now() + round_trip;
    round_trips.fetch_add(1, Ordering::SeqCst);
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket)?;
    let delay = round_trip / 2;
    let waiting = Arc::new(AtomicBool::new(false));
    let (to_server, from_client) = channel();
    let (to_client, from_server) = channel();

    let (mut input, is_waiting) = (client.try_clone()?, Arc::clone(&waiting));
    thread::spawn(move || {
        receive(&mut input, &to_server, || {
            is_waiting.store(true, Ordering::SeqCst);
            connected.max(Instant::now()) + delay
        });
    });
    let mut output = server.try_clone()?;
    thread::spawn(move || {
        send(&mut output, &from_client, || {});
        let _ = output.shutdown(Shutdown::Write);
    });

    let mut input = server;
    thread::spawn(move || receive(&mut input, &to_client, || Instant::now() + delay));
    let (mut output, round_trips) = (client, Arc::clone(round_trips));
    thread::spawn(move || {
        send(&mut output, &from_server, || {
            if waiting.swap(false, Ordering::SeqCst) {
                round_trips.fetch_add(1, Ordering::SeqCst);
            }
        });
        let _ = output.shutdown(Shutdown::Write);
    });
    Ok(())
}

/// Bytes, and when they arrive at the other end.
type Packet = (Instant, Vec<u8>);

fn receive(input: &mut impl Read, packets: &Sender<Packet>, arrival: impl Fn() -> Instant) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = input.read(&mut buffer) {
        let packet = (arrival(), buffer[..length].to_vec());
        if packets.send(packet).is_err() {
            return;
        }
    }
}

fn send(output: &mut impl Write, packets: &Receiver<Packet>, sending: impl Fn()) {
    for (arrival, bytes) in packets {
        thread::sleep(arrival.saturating_duration_since(Instant::now()));
        sending();
        if output.write_all(&bytes).is_err() {
            return;
        }
    }
}
