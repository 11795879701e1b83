//! A client that sends only simple queries, as a pooler in transaction mode needs it.

use std::io::Write;
use std::net::TcpStream;

use crate::proxy::read_message;

pub struct SimpleClient {
    stream: TcpStream,
}

impl SimpleClient {
    /// Connects to a server on this machine that asks for no password.
    pub fn connect(port: u16, user: &str, database: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        let mut this = Self { stream };
        let protocol = (3_u32 << 16).to_be_bytes();
        let parameters = format!("user\0{user}\0database\0{database}\0\0");
        this.send(&[], &[&protocol[..], parameters.as_bytes()].concat())?;
        Ok(this)
    }

    pub fn execute(&mut self, sql: &str) {
        let sent = self.send(b"Q", format!("{sql}\0").as_bytes());
        sent.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Sends a message and waits for its answer.
    fn send(&mut self, kind: &[u8], message: &[u8]) -> Result<(), String> {
        let length = u32::try_from(message.len() + 4).unwrap().to_be_bytes();
        self.stream
            .write_all(&[kind, &length, message].concat())
            .map_err(|error| error.to_string())?;
        let mut failed = None;
        while let Some((kind, message)) = read_message(&mut self.stream, true) {
            match kind {
                b'E' => failed = Some(String::from_utf8_lossy(&message).replace('\0', " ")),
                b'Z' => return failed.map_or(Ok(()), Err),
                _ => {}
            }
        }
        Err(failed.unwrap_or_else(|| "the connection is closed".to_owned()))
    }
}
