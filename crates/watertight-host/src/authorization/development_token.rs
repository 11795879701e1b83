use std::sync::Once;

use axum::http::header;
use axum::http::request::Parts;
use subtle::ConstantTimeEq;

use crate::authorization::authorizer::{Authorizer, Decision, Identity};
use crate::authorization::permission::RequiredPermission;
use crate::box_error::BoxError;

/// The environment variable, and the key in `.env`, that holds the development token.
const VARIABLE: &str = "DEVELOPMENT_TOKEN";

/// An [`Authorizer`] for development: requests with `Authorization: Bearer TOKEN` have all permissions.
///
/// Requests without the token are not signed in. They have only the permissions that everyone has by default. Replace
/// it with an authorizer that knows the server's users.
pub struct DevelopmentToken {
    token: Option<String>,
}

impl DevelopmentToken {
    /// Creates an authorizer that accepts `token`, or no token at all if it is empty.
    pub fn new(token: impl Into<String>) -> Self {
        let token = token.into();
        let token = token.trim();
        Self {
            token: (!token.is_empty()).then(|| token.to_owned()),
        }
    }

    /// Creates an authorizer from `DEVELOPMENT_TOKEN` in the environment, or else in the workspace's `.env`.
    pub fn from_environment() -> Self {
        Self::new(watertight_connection::variable(VARIABLE).unwrap_or_default())
    }

    fn is_sent_in(&self, request: &Parts) -> bool {
        let sent = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match (sent, &self.token) {
            // Constant time, against timing attacks.
            (Some(sent), Some(token)) => bool::from(sent.as_bytes().ct_eq(token.as_bytes())),
            _ => false,
        }
    }
}

impl Authorizer for DevelopmentToken {
    async fn authorize(
        &self,
        request: &Parts,
        permission: RequiredPermission,
    ) -> Result<Decision, BoxError> {
        let developer = self.is_sent_in(request).then(|| Identity::new("developer"));
        let granted = developer.is_some();
        if granted {
            static WARN: Once = Once::new();
            WARN.call_once(|| {
                tracing::warn!("a request used the development token, which has all permissions");
            });
        }
        Ok(permission.decide(developer, granted))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_accepted(token: &str, header: &str) -> bool {
        let request = Request::builder().header(header::AUTHORIZATION, header);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        DevelopmentToken::new(token).is_sent_in(&parts)
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        assert!(is_accepted("secret", "Bearer secret"));
        assert!(is_accepted("secret", "bearer  secret"));
        for header in [
            "Bearer secre",
            "Bearer secret1",
            "Basic secret",
            "secret",
            "Bearer",
            "Bearer ",
        ] {
            assert!(!is_accepted("secret", header), "{header:?}");
        }
    }

    #[test]
    fn an_empty_token_is_never_accepted() {
        for token in ["", " "] {
            assert!(!is_accepted(token, "Bearer "));
            assert!(!is_accepted(token, "Bearer"));
        }
    }
}
