use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderName;
use axum::middleware::from_fn;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};

use crate::http::request_log::{self, NewRequestId};
use crate::http::{problem_layer, unread_body};

/// Maximum size of a body that an extractor reads, in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Adds request ids, the request log, and problem responses for all errors.
pub(crate) fn with_layers(router: Router) -> Router {
    let request_id = HeaderName::from_static("x-request-id");
    // The last layer is the outermost one.
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(problem_layer::panic_response))
        .layer(from_fn(problem_layer::convert_errors))
        .layer(from_fn(unread_body::drain))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(request_log::layer())
        .layer(SetRequestIdLayer::new(request_id, NewRequestId))
}
