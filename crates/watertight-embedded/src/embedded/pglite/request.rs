//! Requests to a PGlite other than sessions.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use watertight_connection::{ConnectError, DatabaseUrl};
use watertight_diagnostics::Diagnostic;

use crate::embedded::state::socket::SOCKET_NAME;

/// PostgreSQL's cancel request. PGlite checks the process that sends it, not the key.
const CANCEL: u32 = 80_877_102;
/// PGlite's own request for a dump.
const DUMP: u32 = 1_463_894_339;

/// Why a PGlite cannot be dumped.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It does not run, or another process has its connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// `pg_dump` failed.
    #[error("failed to dump the database: {reason}")]
    Failed {
        /// What it printed.
        reason: String,
    },
}

impl Diagnostic for DumpError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::Failed { .. } => Some(
                "correct the arguments for pg_dump, or see the log of the embedded database"
                    .to_owned(),
            ),
        }
    }
}

/// Cancels the statement that this process runs on the PGlite of `url`, ends its session, and waits until PGlite has
/// rolled it back. Returns false if the server is not a PGlite or does not respond.
pub fn cancel_on_pglite(url: &DatabaseUrl) -> bool {
    sockets(url).is_some_and(|sockets| {
        let sent = send(sockets, CANCEL, &[0; 8]);
        // PGlite closes the connection when it is done.
        sent.is_ok_and(|mut stream| stream.read_to_end(&mut Vec::new()).is_ok())
    })
}

/// Dumps the workspace's database on the PGlite of `url` as SQL, by `pg_dump` with these arguments. Returns `None` if the
/// server is not a PGlite.
///
/// # Errors
/// When another process has the connection, or `pg_dump` fails.
pub fn dump_pglite(url: &DatabaseUrl, arguments: &[&str]) -> Option<Result<Vec<u8>, DumpError>> {
    let sockets = sockets(url)?;
    let arguments: Vec<u8> = arguments
        .iter()
        .flat_map(|argument| [argument.as_bytes(), b"\0"].concat())
        .collect();
    let response = send(sockets, DUMP, &arguments).and_then(|mut stream| {
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        Ok(response)
    });
    Some(match response {
        Ok(response) if response.starts_with(b"D") => Ok(response[1..].to_vec()),
        Ok(response) => Err(dump_error(url, &response)),
        Err(error) => Err(DumpError::Connect(ConnectError::Unreachable {
            url: url.to_string(),
            reason: error.to_string(),
        })),
    })
}

/// Decodes an error response of PostgreSQL's protocol: `E`, its length, and fields.
fn dump_error(url: &DatabaseUrl, response: &[u8]) -> DumpError {
    let field = |kind: u8| {
        let fields = response
            .get(5..)
            .unwrap_or_default()
            .split(|byte| *byte == 0);
        let mut matching = fields.filter(|field| field.first() == Some(&kind));
        let value = matching
            .next()
            .map(|field| String::from_utf8_lossy(&field[1..]));
        value.unwrap_or_default().into_owned()
    };
    let (url, reason) = (url.to_string(), field(b'M'));
    if field(b'C') == "53300" {
        let postgres_hint = Some(field(b'H')).filter(|hint| !hint.is_empty());
        return DumpError::Connect(ConnectError::TooManyConnections {
            url,
            reason,
            postgres_hint,
        });
    }
    DumpError::Failed { reason }
}

/// Returns the socket folder of a PGlite, or `None` if the server is not one.
fn sockets(url: &DatabaseUrl) -> Option<&Path> {
    url.pglite()?;
    url.socket_folder()
}

fn send(sockets: &Path, code: u32, body: &[u8]) -> io::Result<UnixStream> {
    let length = u32::try_from(body.len() + 8).map_err(io::Error::other)?;
    let mut stream = UnixStream::connect(sockets.join(SOCKET_NAME))?;
    stream.write_all(&[&length.to_be_bytes(), &code.to_be_bytes(), body].concat())?;
    Ok(stream)
}
