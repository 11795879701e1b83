//! A proxy in front of the test server that interferes at a certain message.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use watertight_connection::DatabaseUrl;

/// When the proxy interferes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server never gets the message.
    BeforeTheMessage,
    /// The server gets the message, and its answer gets lost.
    BeforeTheAnswer,
    /// The server has answered the message completely, and its answer gets lost.
    AfterTheAnswer,
}

pub const MOMENTS: [Moment; 3] = [
    Moment::BeforeTheMessage,
    Moment::BeforeTheAnswer,
    Moment::AfterTheAnswer,
];

/// Interferes once: runs `action`, and cuts the connection that the message came from.
pub struct Fault {
    /// The number of the message, counted from 0 over all connections.
    pub message: usize,
    pub moment: Moment,
    pub action: Box<dyn FnOnce() + Send>,
}

/// A proxy that runs until this process ends.
pub struct Proxy {
    url: DatabaseUrl,
    shared: Arc<Shared>,
}

struct Shared {
    messages: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

impl Proxy {
    pub fn start(server: &DatabaseUrl, fault: Fault) -> Self {
        let socket = server.socket_folder().unwrap().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = url_of_proxy(server, &listener);
        let shared = Arc::new(Shared {
            messages: AtomicUsize::new(0),
            fault: Mutex::new(Some(fault)),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&of_thread));
                let Ok(server) = UnixStream::connect(&socket) else {
                    continue;
                };
                thread::spawn(move || shared.serve(&client, &server));
            }
        });
        Self { url, shared }
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns whether the message has come.
    pub fn has_interfered(&self) -> bool {
        self.shared.fault.lock().unwrap().is_none()
    }
}

/// Returns the URL of the server's database through a proxy that listens here.
pub fn url_of_proxy(server: &DatabaseUrl, listener: &TcpListener) -> DatabaseUrl {
    DatabaseUrl::from_parameters(&[
        ("host", "127.0.0.1"),
        ("port", &listener.local_addr().unwrap().port().to_string()),
        ("user", server.user_name()),
        ("dbname", server.database_name()),
        ("sslmode", "disable"),
    ])
    .unwrap()
}

impl Shared {
    /// Forwards both directions until one ends.
    fn serve(&self, client: &TcpStream, server: &UnixStream) {
        let cut = Mutex::new(None);
        thread::scope(|scope| {
            scope.spawn(|| {
                self.forward_messages(client, server, &cut);
                let _ = server.shutdown(Shutdown::Write);
            });
            forward_answers(client, server, &cut);
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }

    /// Forwards the client's messages. Stops at the one of the fault.
    fn forward_messages(
        &self,
        mut client: &TcpStream,
        mut server: &UnixStream,
        cut: &Mutex<Option<Fault>>,
    ) {
        // The first message has no type.
        let mut has_type = false;
        while let Some((kind, message)) = read_message(&mut client, has_type) {
            has_type = true;
            // The messages that the server answers with "ready for query".
            let fault = if matches!(kind, b'Q' | b'S') {
                self.fault_at(self.messages.fetch_add(1, Ordering::SeqCst))
            } else {
                None
            };
            let Some(fault) = fault else {
                if server.write_all(&message).is_err() {
                    return;
                }
                continue;
            };
            match fault.moment {
                Moment::BeforeTheMessage => (fault.action)(),
                Moment::BeforeTheAnswer => {
                    let _ = server.write_all(&message);
                    (fault.action)();
                }
                Moment::AfterTheAnswer => {
                    *cut.lock().unwrap() = Some(fault);
                    let _ = server.write_all(&message);
                    // The other direction cuts.
                    continue;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
    }

    fn fault_at(&self, message: usize) -> Option<Fault> {
        self.fault
            .lock()
            .unwrap()
            .take_if(|fault| fault.message == message)
    }
}

/// Forwards the server's messages. After the client's message with a fault, they get lost.
fn forward_answers(mut client: &TcpStream, mut server: &UnixStream, cut: &Mutex<Option<Fault>>) {
    while let Some((kind, message)) = read_message(&mut server, true) {
        if cut.lock().unwrap().is_none() {
            if client.write_all(&message).is_err() {
                return;
            }
        } else if kind == b'Z' {
            if let Some(fault) = cut.lock().unwrap().take() {
                (fault.action)();
            }
            return;
        }
    }
}

/// Reads a message of PostgreSQL's protocol and returns its type and all of its bytes.
pub fn read_message(stream: &mut impl Read, has_type: bool) -> Option<(u8, Vec<u8>)> {
    let length_at = usize::from(has_type);
    let mut message = vec![0; length_at + 4];
    stream.read_exact(&mut message).ok()?;
    let length: [u8; 4] = message[length_at..].try_into().ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    message.resize(length_at + length, 0);
    stream.read_exact(&mut message[length_at + 4..]).ok()?;
    Some((if has_type { message[0] } else { 0 }, message))
}
