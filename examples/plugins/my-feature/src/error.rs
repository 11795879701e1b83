use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;
use watertight_host::{DatabaseUnavailable, Problem};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No row has this id.
    #[error("there is no item {0}")]
    NotFound(Uuid),
    /// A value that cannot be taken.
    #[error("`{field}` {reason}")]
    Invalid {
        /// The member of the body, or the parameter of the query.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no connection to the database.
    #[error(transparent)]
    Unavailable(#[from] DatabaseUnavailable),
    /// The database refused a query.
    #[error("failed to query the database: {0}; see PostgreSQL's log for more")]
    Database(#[from] diesel::result::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let problem = match self {
            Self::NotFound(_) => Problem::new(StatusCode::NOT_FOUND).detail(text),
            Self::Invalid { field, .. } => Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .detail(text)
                .member("field", field),
            Self::Unavailable(error) => error.into(),
            Self::Database(error) => Problem::internal(&error),
        };
        problem.into_response()
    }
}
