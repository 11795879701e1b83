use std::error::Error;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use watertight_diagnostics::{Diagnostic, PostgresError};

use crate::error_chain::error_chain;

pub(crate) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error response in JSON: problem details as in RFC 9457.
///
/// ```
/// use axum::http::StatusCode;
/// use watertight_host::Problem;
///
/// let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
///     .detail("`name` must not be empty")
///     .member("field", "name");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: Option<String>,
    members: Map<String, Value>,
}

impl Problem {
    /// Creates a problem without a detail.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            detail: None,
            members: Map::new(),
        }
    }

    /// Logs `error` with its causes and creates a problem with status 500 that does not disclose them.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = error_chain(error), "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Sets the explanation of what is wrong with this request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a member for programs to read. The members `type`, `title`, `status` and `detail` cannot be replaced.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn body(&self) -> String {
        let mut members = self.members.clone();
        // The type of problems that have no more semantics than their status:
        // https://www.rfc-editor.org/rfc/rfc9457#section-4.2.1
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

/// Logs the error with PostgreSQL's detail and hint. The problem has status 500 and does not disclose them.
impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Self {
        let error = PostgresError::from(error);
        tracing::error!(%error, hint = error.hint(), "query failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_members_cannot_be_replaced() {
        let problem = Problem::new(StatusCode::NOT_FOUND)
            .member("status", 200)
            .member("id", "a")
            .detail("item a not found");
        insta::assert_snapshot!(problem.body(), @r#"{"detail":"item a not found","id":"a","status":404,"title":"Not Found","type":"about:blank"}"#);
    }
}
