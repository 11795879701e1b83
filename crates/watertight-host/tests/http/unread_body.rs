use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use watertight_host::{Permission, Routes};

use crate::client::{Site, notes};

const WRITE: Permission = Permission::new("note.write", "");

fn site() -> Site {
    let routes = Routes::new().post("/notes", WRITE, async |text: String| text);
    Site::new(vec![notes(routes).permissions(&[WRITE])])
}

fn connect(site: &Site) -> TcpStream {
    TcpStream::connect(site.server.url().strip_prefix("http://").unwrap()).unwrap()
}

/// What the server sends until it has nothing more to say for a while.
fn answer(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let mut text = vec![0; 4096];
    let length = stream.read(&mut text).unwrap();
    String::from_utf8_lossy(&text[..length]).into_owned()
}

#[test]
fn a_request_that_is_refused_before_its_body_arrives_does_not_spoil_the_connection() {
    let site = site();
    let mut stream = connect(&site);
    let head = "POST /api/notes/notes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).unwrap();
        sleep(Duration::from_millis(200));
        stream.write_all(b"hello").unwrap();
        let answer = answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
}

#[test]
fn a_client_is_told_that_the_connection_ends_when_its_body_is_not_read() {
    let site = site();
    let closes = |head: &str| {
        let mut stream = connect(&site);
        let head = format!("POST /api/notes/notes HTTP/1.1\r\nHost: a\r\n{head}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let answer = answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        answer.contains("connection: close\r\n")
    };
    // It never comes; it is not asked for; there is none.
    assert!(closes("Content-Length: 5\r\n"));
    assert!(closes("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    assert!(!closes(""));
}
