use std::error::Error;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

pub(crate) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error as clients see it: a JSON problem body (RFC 9457).
///
/// ```
/// use axum::http::StatusCode;
/// use watertight_host::Problem;
///
/// let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
///     .detail("`name` is empty")
///     .member("field", "name");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: Option<String>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of which no more is known than the status says.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            detail: None,
            members: Map::new(),
        }
    }

    /// A failure of the server. The cause goes to the log, and not to the client.
    pub fn internal(cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = with_causes(cause), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Says what is wrong with this request, and what to do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a member for programs to read. `type`, `title`, `status` and `detail` are the host's.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn body(&self) -> String {
        let mut members = self.members.clone();
        // The status says all that the type could: https://www.rfc-editor.org/rfc/rfc9457#section-4.2.1
        members.insert("type".to_owned(), "about:blank".into());
        let title = self.status.canonical_reason().unwrap_or("Error");
        members.insert("title".to_owned(), title.into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        if let Some(detail) = &self.detail {
            members.insert("detail".to_owned(), detail.as_str().into());
        }
        Value::Object(members).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, CONTENT_TYPE);
        response
    }
}

/// An error and its causes, in one line.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_does_not_take_the_place_of_the_host_s() {
        let problem = Problem::new(StatusCode::NOT_FOUND)
            .member("status", 200)
            .member("id", "a")
            .detail("no item a");
        insta::assert_snapshot!(problem.body(), @r#"{"detail":"no item a","id":"a","status":404,"title":"Not Found","type":"about:blank"}"#);
    }
}
