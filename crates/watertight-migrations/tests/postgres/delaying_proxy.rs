//! A proxy in front of the test server that delays, and counts the round trips that follow one another.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use watertight_connection::DatabaseUrl;

use crate::proxy::{read_message, url_of_proxy};

/// So long that the client has done what it can do meanwhile.
const DELAY: Duration = Duration::from_millis(200);

/// A proxy that runs until this process ends.
///
/// Each answer is one round trip later than what it answers, and what the client sends is as late as the latest answer
/// that it has received, on any connection. So the number does not depend on how long anything took.
pub struct DelayingProxy {
    url: DatabaseUrl,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    /// The round trips before the latest answer that the client has received.
    round_trips: AtomicUsize,
}

/// Bytes for the client, when it gets them, and after how many round trips.
struct Answer {
    bytes: Vec<u8>,
    due: Instant,
    round_trips: usize,
}

impl DelayingProxy {
    pub fn start(server: &DatabaseUrl) -> Self {
        let socket = server.socket_folder().unwrap().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = url_of_proxy(server, &listener);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = UnixStream::connect(&socket).unwrap();
                of_thread.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&of_thread);
                thread::spawn(move || shared.serve(&client, &server));
            }
        });
        Self { url, shared }
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream, server: &UnixStream) {
        client.set_nodelay(true).unwrap();
        let sent_after = Mutex::new(0);
        let (answers, due) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                self.forward_messages(client, server, &sent_after);
                let _ = server.shutdown(Shutdown::Write);
            });
            let sent_after = &sent_after;
            scope.spawn(move || receive_answers(server, sent_after, &answers));
            self.forward_answers(client, &due);
            let _ = client.shutdown(Shutdown::Both);
        });
    }

    fn forward_messages(
        &self,
        mut client: &TcpStream,
        mut server: &UnixStream,
        sent_after: &Mutex<usize>,
    ) {
        let mut has_type = false;
        while let Some((_, message)) = read_message(&mut client, has_type) {
            // The handshake of TCP is a round trip before the first message.
            let handshake = usize::from(!has_type);
            if !has_type {
                thread::sleep(DELAY);
            }
            has_type = true;
            *sent_after.lock().unwrap() = self.round_trips.load(Ordering::SeqCst) + handshake;
            if server.write_all(&message).is_err() {
                return;
            }
        }
    }

    fn forward_answers(&self, mut client: &TcpStream, due: &Receiver<Answer>) {
        for answer in due {
            thread::sleep(answer.due.saturating_duration_since(Instant::now()));
            self.round_trips
                .fetch_max(answer.round_trips, Ordering::SeqCst);
            if client.write_all(&answer.bytes).is_err() {
                return;
            }
        }
    }
}

fn receive_answers(mut server: &UnixStream, sent_after: &Mutex<usize>, answers: &Sender<Answer>) {
    let mut buffer = [0; 1 << 13];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let answer = Answer {
            bytes: buffer[..length].to_vec(),
            due: Instant::now() + DELAY,
            round_trips: *sent_after.lock().unwrap() + 1,
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}
