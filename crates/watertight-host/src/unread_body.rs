//! What a refusal leaves unread of a request's body.
//!
//! hyper closes the connection then, and a client that has just sent its next request over it gets no answer: what it
//! did first has broken what it does second. So a short rest is read, and before a long one the client is told.

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

/// The longest rest that is read, in bytes.
const LONGEST_REST: usize = 64 * 1024;
/// How long to wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) async fn read_rest(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // Who asks before sending is not made to send.
    let asks = parts.headers.contains_key(header::EXPECT);
    let body = Arc::new(Mutex::new(body));
    let shared = Body::new(SharedBody(Arc::clone(&body)));
    let mut response = next.run(Request::from_parts(parts, shared)).await;
    // Where the answer is still made from the body, this is not the only one that has it.
    let Some(rest) = Arc::into_inner(body) else {
        return response;
    };
    let rest = rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_read = rest.is_end_stream()
        || !asks
            && matches!(
                timeout(PATIENCE, body::to_bytes(rest, LONGEST_REST)).await,
                Ok(Ok(_))
            );
    if !is_read {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// A body whose rest can be read when the handler has dropped it.
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
