//! Every error response is a problem, whoever made it.

use std::any::Any;

use axum::body;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Problem;
use crate::problem::CONTENT_TYPE;

/// More than this of a plain text error, in bytes, is not passed on.
const LONGEST_TEXT: usize = 8 * 1024;

/// Makes problems of the plain texts and empty bodies with which axum, and handlers that return a status, refuse a
/// request. An error with a body of its own kind stays as it is.
pub(crate) async fn make_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_own_body(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut problem = Problem::new(status);
    // What a server error says was not written for clients.
    if status.is_client_error()
        && let Ok(text) = body::to_bytes(body, LONGEST_TEXT).await
        && !text.is_empty()
    {
        problem = problem.detail(String::from_utf8_lossy(&text));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    Response::from_parts(parts, problem.body().into())
}

fn has_own_body(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"))
}

/// A handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "tower-http calls it so")]
pub(crate) fn of_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
