//! Converts all error responses to problems.

use std::any::Any;

use axum::body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::problem::{CONTENT_TYPE, Problem};

/// Maximum size of a plain text body that becomes the detail of a problem, in bytes.
const MAX_DETAIL: usize = 8 * 1024;

/// Converts error responses with a plain text or empty body to problems. Those are the rejections of axum's
/// extractors, and what handlers return that return a status. Errors with another content type are passed on
/// unchanged.
pub(crate) async fn convert_errors(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_own_body(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut problem = Problem::new(status);
    // The body of a server error may have internal details.
    if status.is_client_error()
        && let Ok(body) = body::to_bytes(body, MAX_DETAIL).await
        && !body.is_empty()
    {
        problem = problem.detail(String::from_utf8_lossy(&body));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    Response::from_parts(parts, problem.body().into())
}

fn has_own_body(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| !content_type.as_bytes().starts_with(b"text/plain"))
}

/// Logs a panic of a handler and returns status 500.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is tower-http's"
)]
pub(crate) fn panic_response(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
