use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join3;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, copy, duplex, split};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_postgres::CancelToken;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connect::target::Target;

/// How long the server may take to close the connection of a request.
const TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Cancels the running statement of one connection.
///
/// It uses the key that PostgreSQL gave the connection, so it never reaches the session of another process.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    target: Target,
    tls: MakeRustlsConnect,
}

impl Canceller {
    pub(crate) fn new(token: CancelToken, target: Target, tls: MakeRustlsConnect) -> Self {
        Self { token, target, tls }
    }

    /// Asks PostgreSQL to cancel the running statement, and waits at most a second until it has taken the request.
    /// PostgreSQL does not say whether there was a statement.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not take the request in time.
    pub async fn cancel(&self) -> io::Result<()> {
        timeout(TIMEOUT, self.send()).await?
    }

    /// Cancels one statement after the other, until this is dropped.
    pub(crate) async fn cancel_all(&self) {
        loop {
            let _ = self.cancel().await;
            sleep(PAUSE).await;
        }
    }

    async fn send(&self) -> io::Result<()> {
        if let Some(socket) = self.target.socket() {
            return self.send_to(UnixStream::connect(socket).await?).await;
        }
        let mut outcome = Err(io::ErrorKind::NotFound.into());
        // The connection was to one of these. The others do not know the key.
        for address in self.addresses().await? {
            outcome = match TcpStream::connect(address).await {
                Ok(stream) => self.send_to(stream).await,
                Err(error) => Err(error),
            };
        }
        outcome
    }

    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let port = self.target.port;
        if let Some(address) = self.target.address {
            return Ok(vec![(address, port).into()]);
        }
        Ok(lookup_host((&*self.target.name, port)).await?.collect())
    }

    /// Sends the request and reads until the server closes the connection, which it does after it has sent the signal.
    ///
    /// [`CancelToken`] shuts its stream down after the request, and PgBouncer 1.18 ignores a request on such a connection.
    /// So it gets a stream of its own, which is forwarded without the shutdown.
    async fn send_to(&self, stream: impl AsyncRead + AsyncWrite) -> io::Result<()> {
        let (near, far) = duplex(1 << 14);
        let tls = MakeTlsConnect::<DuplexStream>::make_tls_connect(
            &mut self.tls.clone(),
            &self.target.name,
        );
        let tls = tls.map_err(io::Error::other)?;
        let (mut from_request, mut to_request) = split(far);
        let (mut from_server, mut to_server) = split(stream);
        let request = self.token.cancel_query_raw(near, tls);
        let forward = copy(&mut from_request, &mut to_server);
        let receive = copy(&mut from_server, &mut to_request);
        let (sent, forwarded, _) = join3(request, forward, receive).await;
        sent.map_err(io::Error::other)?;
        forwarded.map(|_| ())
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Canceller").finish_non_exhaustive()
    }
}
