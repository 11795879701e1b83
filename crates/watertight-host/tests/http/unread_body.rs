use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use watertight_host::{Permission, Routes};

use crate::client::{TestServer, notes};

const WRITE: Permission = Permission::new("note.write", "");

fn start() -> TestServer {
    let routes = Routes::new().post("/notes", WRITE, async |body: String| body);
    TestServer::start(vec![notes(routes).permissions(&[WRITE])])
}

fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.server.url().strip_prefix("http://").unwrap()).unwrap()
}

/// Reads one response, which fits into the buffer.
fn receive(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn the_connection_is_reused_after_a_request_was_refused_before_its_body_arrived() {
    let server = start();
    let mut stream = connect(&server);
    let head = "POST /api/notes/notes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).unwrap();
        sleep(Duration::from_millis(200));
        stream.write_all(b"hello").unwrap();
        let response = receive(&mut stream);
        assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    }
}

#[test]
fn the_connection_is_closed_after_a_request_whose_body_was_not_read() {
    let server = start();
    let closes = |head: &str| {
        let mut stream = connect(&server);
        let head = format!("POST /api/notes/notes HTTP/1.1\r\nHost: a\r\n{head}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let response = receive(&mut stream);
        assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
        response.contains("connection: close\r\n")
    };
    // A body that never arrives, one that the server does not ask for, and none.
    assert!(closes("Content-Length: 5\r\n"));
    assert!(closes("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    assert!(!closes(""));
}
