use uuid::Uuid;
use watertight_host::axum::http::StatusCode;
use watertight_host::axum::response::{IntoResponse, Response};
use watertight_host::{DatabaseUnavailable, Problem};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("item {0} not found")]
    NotFound(Uuid),
    #[error("`{field}` {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error(transparent)]
    Unavailable(#[from] DatabaseUnavailable),
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let detail = self.to_string();
        let problem = match self {
            Self::NotFound(_) => Problem::new(StatusCode::NOT_FOUND).detail(detail),
            Self::Invalid { field, .. } => Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .detail(detail)
                .member("field", field),
            Self::Unavailable(error) => error.into(),
            // Logs the error, and discloses only the status.
            Self::Database(error) => error.into(),
        };
        problem.into_response()
    }
}
