use std::sync::Once;

use axum::http::header;
use axum::http::request::Parts;
use subtle::ConstantTimeEq;

use crate::plugin::BoxError;
use crate::{Authorizer, Decision, Identity, RequiredPermission};

/// The environment variable, and the key in `.env`, that holds the development token.
const VARIABLE: &str = "DEVELOPMENT_TOKEN";

/// An [`Authorizer`] for development: one token that may do everything, sent as `Authorization: Bearer TOKEN`.
///
/// Without a token in the request, or when none is set, nobody is signed in: public routes answer, and those
/// whose permission everyone has. Replace it by an authorizer that knows the server's users.
pub struct DevelopmentToken {
    token: Option<String>,
}

impl DevelopmentToken {
    /// This token; none when it is empty.
    pub fn new(token: impl Into<String>) -> Self {
        let token = token.into();
        let token = token.trim();
        Self {
            token: (!token.is_empty()).then(|| token.to_owned()),
        }
    }

    /// The token in `DEVELOPMENT_TOKEN`, of the environment or else of the workspace's `.env`.
    pub fn from_environment() -> Self {
        Self::new(watertight_connection::variable(VARIABLE).unwrap_or_default())
    }

    fn is_in(&self, request: &Parts) -> bool {
        let sent = request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match (sent, &self.token) {
            // In constant time, so that the time tells nothing of the token.
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
        let developer = self.is_in(request).then(|| Identity::new("developer"));
        let granted = developer.is_some();
        if granted {
            static WARN: Once = Once::new();
            WARN.call_once(|| {
                tracing::warn!(
                    "the development token was used: whoever knows it may do everything"
                );
            });
        }
        Ok(permission.decide(developer, granted))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_in(token: &str, header: &str) -> bool {
        let request = Request::builder().header(header::AUTHORIZATION, header);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        DevelopmentToken::new(token).is_in(&parts)
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(is_in("secret", "Bearer secret"));
        assert!(is_in("secret", "bearer  secret"));
        for header in [
            "Bearer secre",
            "Bearer secret1",
            "Basic secret",
            "secret",
            "Bearer",
            "Bearer ",
        ] {
            assert!(!is_in("secret", header), "{header:?}");
        }
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        for token in ["", " "] {
            assert!(!is_in(token, "Bearer "));
            assert!(!is_in(token, "Bearer"));
        }
    }
}
