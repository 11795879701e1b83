//! The first messages of a connection, as PostgreSQL's protocol has them:
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// Version 3.0, the only one that PGlite speaks.
const PROTOCOL: u32 = 3 << 16;
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
/// Not PostgreSQL's: `watertight-embedded` asks so for a dump, with arguments that are each ended by a zero.
const DUMP_REQUEST: u32 = 1_463_894_339;
/// As in PostgreSQL.
const LONGEST: u32 = 10_000;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Startup {
    /// A session; with the message that asks for it, and the user.
    Session { message: Vec<u8>, user: String },
    /// That the session's statement be cancelled.
    Cancel,
    /// The database as SQL; with arguments for `pg_dump`.
    Dump { arguments: Vec<String> },
}

/// Reads what the client wants. None: it has gone, or speaks another protocol.
pub fn read(client: &mut UnixStream) -> io::Result<Option<Startup>> {
    loop {
        let mut head = [0; 8];
        if client.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let [length, code] = [&head[..4], &head[4..]]
            .map(|number| u32::from_be_bytes(number.try_into().expect("four bytes")));
        match code {
            // Nothing is encrypted on a socket of this machine.
            SSL_REQUEST | GSS_REQUEST => client.write_all(b"N")?,
            CANCEL_REQUEST => {
                // Process and key. Unread, they would make the end of the connection an error.
                client.read_exact(&mut [0; 8])?;
                return Ok(Some(Startup::Cancel));
            }
            PROTOCOL | DUMP_REQUEST if (8..=LONGEST).contains(&length) => {
                let mut body = vec![0; length as usize - head.len()];
                client.read_exact(&mut body)?;
                return Ok(Some(if code == PROTOCOL {
                    Startup::Session {
                        user: user(&body),
                        message: [&head[..], &body].concat(),
                    }
                } else {
                    let texts = body
                        .split(|byte| *byte == 0)
                        .filter(|text| !text.is_empty());
                    Startup::Dump {
                        arguments: texts
                            .map(|text| String::from_utf8_lossy(text).into_owned())
                            .collect(),
                    }
                }));
            }
            _ => return Ok(None),
        }
    }
}

/// Names and values, each ended by a zero, and one more zero.
fn user(parameters: &[u8]) -> String {
    let mut texts = parameters
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        if name == "user" {
            return value.into_owned();
        }
    }
    String::new()
}

/// Ends a connection before it has become a session.
pub fn refuse(client: &mut UnixStream, sqlstate: &str, message: &str, hint: &str) {
    // The client may have gone.
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
    for (kind, text) in fields {
        body.push(kind as u8);
        body.extend_from_slice(text.as_bytes());
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
    fn a_session_is_asked_for_with_a_user() {
        let asked = message(PROTOCOL, b"database\0x\0user\0me\0\0");
        let expected = Startup::Session {
            message: asked.clone(),
            user: "me".to_owned(),
        };
        assert_eq!(read_from(&asked), Some(expected));
    }

    #[test]
    fn encryption_is_declined_and_the_client_may_go_on() {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        let asked = [message(SSL_REQUEST, b""), message(CANCEL_REQUEST, &[0; 8])].concat();
        client.write_all(&asked).unwrap();
        assert_eq!(read(&mut server).unwrap(), Some(Startup::Cancel));
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }

    #[test]
    fn a_dump_is_asked_for_with_arguments() {
        let asked = message(DUMP_REQUEST, b"--no-owner\0--schema=a b\0");
        let arguments = ["--no-owner", "--schema=a b"].map(str::to_owned).to_vec();
        assert_eq!(read_from(&asked), Some(Startup::Dump { arguments }));
    }

    #[test]
    fn what_is_no_such_message_is_not_read() {
        let long = message(PROTOCOL, &vec![0; 20_000]);
        let newer = message(PROTOCOL + 2, b"user\0me\0\0");
        for wrong in [&b""[..], b"GET / HTTP/1.1\r\n", &long, &newer] {
            assert_eq!(read_from(wrong), None);
        }
    }
}
