//! The middleware that refuses requests which the authorizer does not allow.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::authorization::authorizer::{Decision, DynAuthorizer};
use crate::authorization::permission::RequiredPermission;
use crate::error_chain::error_chain;
use crate::http::problem::Problem;

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
                .detail(format!("sign in: this needs the permission `{id}`"))
                .member("permission", id.to_string());
            let mut response = problem.into_response();
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Ok(Decision::Forbidden) => Problem::new(StatusCode::FORBIDDEN)
            .detail(format!("you do not have the permission `{id}`"))
            .member("permission", id.to_string())
            .into_response(),
        Err(error) => {
            tracing::error!(
                permission = %id,
                error = error_chain(error.as_ref()),
                "authorization failed"
            );
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}
