//! Reads the rest of a request body that the handler did not read.
//!
//! hyper closes a connection with an unread body, and a client that has already sent its next request gets no response
//! to it. So a short rest is read, and with a long one the response has `Connection: close`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{self, Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::timeout;

/// Maximum size of a rest that is read, in bytes.
const MAX_REST: usize = 64 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // `Expect: 100-continue`: the client sends the body only if it is asked to.
    let expects_continue = parts.headers.contains_key(header::EXPECT);
    let body = Arc::new(Mutex::new(body));
    let shared = Body::new(SharedBody(Arc::clone(&body)));
    let mut response = next.run(Request::from_parts(parts, shared)).await;
    // A response that streams the request body still holds it.
    let Some(rest) = Arc::into_inner(body) else {
        return response;
    };
    let rest = rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_read = rest.is_end_stream()
        || !expects_continue
            && matches!(
                timeout(READ_TIMEOUT, body::to_bytes(rest, MAX_REST)).await,
                Ok(Ok(_))
            );
    if !is_read {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// A body that can still be read after the handler has dropped it.
struct SharedBody(Arc<Mutex<Body>>);

impl SharedBody {
    fn with<T>(&self, f: impl FnOnce(&mut Body) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
