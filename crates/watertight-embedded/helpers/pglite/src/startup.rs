//! The first messages of a connection in PostgreSQL's protocol:
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// Version 3.0, the only one that PGlite supports.
const PROTOCOL: u32 = 3 << 16;
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
/// A request for a dump by `watertight-embedded`, with zero-terminated arguments. PostgreSQL has no such request.
const DUMP_REQUEST: u32 = 1_463_894_339;
/// The maximum length of a message, as in PostgreSQL.
const MAX_LENGTH: u32 = 10_000;

/// The request of a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Startup {
    /// Opens a session, with this message and user.
    Session { message: Vec<u8>, user: String },
    /// Cancels the statement of the session.
    Cancel,
    /// Dumps the database as SQL, with these arguments for `pg_dump`.
    Dump { arguments: Vec<String> },
}

/// Reads the request of a client. Returns `None` if it has disconnected, or uses another protocol.
pub fn read(client: &mut UnixStream) -> io::Result<Option<Startup>> {
    loop {
        let mut head = [0; 8];
        if client.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let [length, code] = [&head[..4], &head[4..]]
            .map(|number| u32::from_be_bytes(number.try_into().expect("four bytes")));
        match code {
            // Encryption is unnecessary on a Unix socket.
            SSL_REQUEST | GSS_REQUEST => client.write_all(b"N")?,
            CANCEL_REQUEST => {
                // The process and the key: closing a connection with unread data would be an error for the client.
                client.read_exact(&mut [0; 8])?;
                return Ok(Some(Startup::Cancel));
            }
            PROTOCOL | DUMP_REQUEST if (8..=MAX_LENGTH).contains(&length) => {
                let mut body = vec![0; length as usize - head.len()];
                client.read_exact(&mut body)?;
                return Ok(Some(if code == PROTOCOL {
                    Startup::Session {
                        user: user(&body),
                        message: [&head[..], &body].concat(),
                    }
                } else {
                    let arguments = body
                        .split(|byte| *byte == 0)
                        .filter(|argument| !argument.is_empty());
                    Startup::Dump {
                        arguments: arguments
                            .map(|argument| String::from_utf8_lossy(argument).into_owned())
                            .collect(),
                    }
                }));
            }
            _ => return Ok(None),
        }
    }
}

/// Returns the user from zero-terminated names and values.
fn user(parameters: &[u8]) -> String {
    let mut strings = parameters
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy);
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        if name == "user" {
            return value.into_owned();
        }
    }
    String::new()
}

/// Sends an error to a client that has no session.
pub fn refuse(client: &mut UnixStream, sqlstate: &str, message: &str, hint: &str) {
    // The client may have disconnected.
    let _ = client.write_all(&error_response(sqlstate, message, hint));
}

fn error_response(sqlstate: &str, message: &str, hint: &str) -> Vec<u8> {
    let fields = [
        ('S', "FATAL"),
        ('V', "FATAL"),
        ('C', sqlstate),
        ('M', message),
        ('H', hint),
    ];
    let mut body = Vec::new();
    for (kind, value) in fields {
        body.push(kind as u8);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).expect("a message is short");
    [&b"E"[..], &length.to_be_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap();
        [&length.to_be_bytes(), &code.to_be_bytes(), body].concat()
    }

    fn read_from(bytes: &[u8]) -> Option<Startup> {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        client.write_all(bytes).unwrap();
        drop(client);
        read(&mut server).unwrap_or(None)
    }

    #[test]
    fn a_session_request_has_a_user() {
        let request = message(PROTOCOL, b"database\0x\0user\0me\0\0");
        let expected = Startup::Session {
            message: request.clone(),
            user: "me".to_owned(),
        };
        assert_eq!(read_from(&request), Some(expected));
    }

    #[test]
    fn encryption_is_declined_and_the_client_can_continue() {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        let request = [message(SSL_REQUEST, b""), message(CANCEL_REQUEST, &[0; 8])].concat();
        client.write_all(&request).unwrap();
        assert_eq!(read(&mut server).unwrap(), Some(Startup::Cancel));
        let mut response = [0];
        client.read_exact(&mut response).unwrap();
        assert_eq!(&response, b"N");
    }

    #[test]
    fn a_dump_request_has_arguments() {
        let request = message(DUMP_REQUEST, b"--no-owner\0--schema=a b\0");
        let arguments = ["--no-owner", "--schema=a b"].map(str::to_owned).to_vec();
        assert_eq!(read_from(&request), Some(Startup::Dump { arguments }));
    }

    #[test]
    fn invalid_messages_are_rejected() {
        let long = message(PROTOCOL, &vec![0; 20_000]);
        let newer = message(PROTOCOL + 2, b"user\0me\0\0");
        for wrong in [&b""[..], b"GET / HTTP/1.1\r\n", &long, &newer] {
            assert_eq!(read_from(wrong), None);
        }
    }
}
