//! The process id in the key that cancels a connection's statement.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::CancelToken;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Returns the process id. tokio-postgres shows it only in what it sends to cancel a statement, so this keeps what it
/// would send, which ends in the process id and a secret of four bytes.
pub(crate) fn of(token: &CancelToken) -> Option<i32> {
    let recorder = Recorder::default();
    let written = Arc::clone(&recorder.written);
    let sent = pin!(token.cancel_query_raw(recorder, NoHandshake));
    let sent = sent.poll(&mut Context::from_waker(Waker::noop()));
    if !matches!(sent, Poll::Ready(Ok(()))) {
        return None;
    }
    let written = written.lock().unwrap_or_else(PoisonError::into_inner);
    let [.., a, b, c, d, _, _, _, _] = written[..] else {
        return None;
    };
    Some(i32::from_be_bytes([a, b, c, d]))
}

/// A server that keeps what it gets, and accepts TLS.
#[derive(Default)]
struct Recorder {
    written: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Recorder {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TlsStream for Recorder {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

struct NoHandshake;

impl TlsConnect<Recorder> for NoHandshake {
    type Stream = Recorder;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Recorder>>;

    fn connect(self, recorder: Recorder) -> Self::Future {
        std::future::ready(Ok(recorder))
    }
}
