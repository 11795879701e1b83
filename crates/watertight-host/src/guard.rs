//! Refuses requests that the authorizer does not allow, before their handler runs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::authorizer::{Decision, DynAuthorizer};
use crate::problem::with_causes;
use crate::{Problem, RequiredPermission};

/// What stands before one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authorizer: Arc<dyn DynAuthorizer>,
    pub(crate) permission: RequiredPermission,
}

pub(crate) async fn guard(
    State(Guard {
        authorizer,
        permission,
    }): State<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = permission.id();
    match authorizer.authorize(&parts, permission).await {
        Ok(Decision::Allowed(identity)) => {
            if let Some(identity) = identity {
                parts.extensions.insert(identity);
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Ok(Decision::NotSignedIn) => {
            let problem = Problem::new(StatusCode::UNAUTHORIZED)
                .detail(format!("this needs the permission `{id}`; sign in"))
                .member("permission", id.to_string());
            let mut response = problem.into_response();
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Ok(Decision::Forbidden) => Problem::new(StatusCode::FORBIDDEN)
            .detail(format!(
                "this needs the permission `{id}`, which you do not have"
            ))
            .member("permission", id.to_string())
            .into_response(),
        Err(error) => {
            tracing::error!(
                permission = %id,
                error = with_causes(error.as_ref()),
                "the authorizer could not decide"
            );
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}
