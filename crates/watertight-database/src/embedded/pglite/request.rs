//! What this process asks of a PGlite beside sessions.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::embedded::home::SOCKET_NAME;
use crate::{ConnectError, DatabaseUrl};

/// As PostgreSQL's protocol has it. PGlite looks at who sends it, not at the key.
const CANCEL: u32 = 80_877_102;
/// Not PostgreSQL's.
const DUMP: u32 = 1_463_894_339;

/// Why there is no dump of a PGlite.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It is not there, or another process has its connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// `pg_dump` failed.
    #[error(
        "failed to dump the database: {reason}; correct the arguments for pg_dump, or see the log of the embedded database"
    )]
    Refused {
        /// What it said.
        reason: String,
    },
}

impl DatabaseUrl {
    /// Ends what this process runs on a PGlite, and its session, and waits until PGlite has rolled it back. False: the
    /// server is no PGlite, or does not answer.
    pub fn cancel_on_pglite(&self) -> bool {
        self.pglite_sockets().is_some_and(|sockets| {
            let sent = send(sockets, CANCEL, &[0; 8]);
            // It is closed when that is done.
            sent.is_ok_and(|mut stream| stream.read_to_end(&mut Vec::new()).is_ok())
        })
    }

    /// The workspace's database on a PGlite, as SQL: what `pg_dump` writes with these arguments. None: the server is no
    /// PGlite.
    ///
    /// # Errors
    /// When another process has the connection, or `pg_dump` refuses.
    pub fn dump_of_pglite(&self, arguments: &[&str]) -> Option<Result<Vec<u8>, DumpError>> {
        let sockets = self.pglite_sockets()?;
        let arguments: Vec<u8> = arguments
            .iter()
            .flat_map(|argument| [argument.as_bytes(), b"\0"].concat())
            .collect();
        let answered = send(sockets, DUMP, &arguments).and_then(|mut stream| {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(answer)
        });
        Some(match answered {
            Ok(answer) if answer.starts_with(b"D") => Ok(answer[1..].to_vec()),
            Ok(answer) => Err(self.refused(&answer)),
            Err(error) => Err(DumpError::Connect(ConnectError::Unreachable {
                url: self.to_string(),
                reason: error.to_string(),
            })),
        })
    }

    /// What an answer in PostgreSQL's protocol says: `E`, its length, and fields.
    fn refused(&self, answer: &[u8]) -> DumpError {
        let field = |kind: u8| {
            let fields = answer.get(5..).unwrap_or_default().split(|byte| *byte == 0);
            let mut texts = fields.filter(|field| field.first() == Some(&kind));
            let text = texts
                .next()
                .map(|field| String::from_utf8_lossy(&field[1..]));
            text.unwrap_or_default().into_owned()
        };
        let (url, reason) = (self.to_string(), field(b'M'));
        if field(b'C') == "53300" {
            let advice = field(b'H');
            return DumpError::Connect(ConnectError::TooManyConnections {
                url,
                reason,
                advice,
            });
        }
        DumpError::Refused { reason }
    }
}

fn send(sockets: &Path, code: u32, body: &[u8]) -> io::Result<UnixStream> {
    let length = u32::try_from(body.len() + 8).map_err(io::Error::other)?;
    let mut stream = UnixStream::connect(sockets.join(SOCKET_NAME))?;
    stream.write_all(&[&length.to_be_bytes(), &code.to_be_bytes(), body].concat())?;
    Ok(stream)
}
