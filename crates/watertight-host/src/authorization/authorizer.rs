use axum::http::request::Parts;
use futures_util::future::BoxFuture;

use crate::authorization::permission::{Audience, RequiredPermission};
use crate::box_error::BoxError;

/// The user that a request is made by. Handlers extract it as `Option<Extension<Identity>>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: String,
}

impl Identity {
    /// Creates an identity from the server's name or number for the user.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
        }
    }

    /// Returns the server's name or number for the user.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The outcome of an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request is allowed, with the identity of the user if one is signed in.
    Allowed(Option<Identity>),
    /// The request is refused with status 401, because no user is signed in.
    NotSignedIn,
    /// The request is refused with status 403.
    Forbidden,
}

/// Decides which requests are allowed. Without one, a server treats all requests as not signed in.
///
/// The host calls it for each request to a route that needs a permission, and never for a
/// [public](crate::Access::Public) route. Most implementations find out who sent the request and which permissions
/// the user was granted, and pass both to [`RequiredPermission::decide`].
///
/// ```
/// use axum::http::request::Parts;
/// use watertight_host::{Authorizer, BoxError, Decision, Identity, RequiredPermission};
///
/// struct OneEditor;
///
/// impl Authorizer for OneEditor {
///     async fn authorize(&self, request: &Parts, permission: RequiredPermission) -> Result<Decision, BoxError> {
///         let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
///         let granted = user == Some("ada") && permission.id().name() == "item.write";
///         Ok(permission.decide(user.map(Identity::new), granted))
///     }
/// }
/// ```
pub trait Authorizer: Send + Sync + 'static {
    /// Decides whether a request is allowed.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot decide. The host then logs the error and responds with status 500.
    fn authorize(
        &self,
        request: &Parts,
        permission: RequiredPermission,
    ) -> impl Future<Output = Result<Decision, BoxError>> + Send;
}

impl RequiredPermission {
    /// Decides from the user, if one is signed in, whether the user was granted the permission, and the
    /// permission's default [`Audience`].
    pub fn decide(&self, identity: Option<Identity>, granted: bool) -> Decision {
        let by_default = match self.audience() {
            Audience::Nobody => false,
            Audience::SignedIn => identity.is_some(),
            Audience::Everyone => true,
        };
        match identity {
            identity if by_default => Decision::Allowed(identity),
            Some(identity) if granted => Decision::Allowed(Some(identity)),
            Some(_) => Decision::Forbidden,
            None => Decision::NotSignedIn,
        }
    }
}

/// The default authorizer, which treats all requests as not signed in.
pub(crate) struct NobodySignedIn;

impl Authorizer for NobodySignedIn {
    async fn authorize(
        &self,
        _request: &Parts,
        permission: RequiredPermission,
    ) -> Result<Decision, BoxError> {
        Ok(permission.decide(None, false))
    }
}

/// A dyn-compatible [`Authorizer`].
pub(crate) trait DynAuthorizer: Send + Sync {
    fn authorize<'a>(
        &'a self,
        request: &'a Parts,
        permission: RequiredPermission,
    ) -> BoxFuture<'a, Result<Decision, BoxError>>;
}

impl<A: Authorizer> DynAuthorizer for A {
    fn authorize<'a>(
        &'a self,
        request: &'a Parts,
        permission: RequiredPermission,
    ) -> BoxFuture<'a, Result<Decision, BoxError>> {
        Box::pin(Authorizer::authorize(self, request, permission))
    }
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;

    use super::*;
    use crate::authorization::permission::Permission;

    #[test]
    fn decide_allows_the_default_audience_and_users_with_a_grant() {
        let ada = || Some(Identity::new("ada"));
        let decide = |audience, identity, granted| {
            let permission = Permission::new("item.read", "").granted_to(audience);
            permission.of(PluginId::new("a")).decide(identity, granted)
        };
        for (audience, signed_out, signed_in) in [
            (Audience::Nobody, Decision::NotSignedIn, Decision::Forbidden),
            (
                Audience::SignedIn,
                Decision::NotSignedIn,
                Decision::Allowed(ada()),
            ),
            (
                Audience::Everyone,
                Decision::Allowed(None),
                Decision::Allowed(ada()),
            ),
        ] {
            // A grant has no effect without a user.
            assert_eq!(decide(audience, None, true), signed_out);
            assert_eq!(decide(audience, ada(), false), signed_in);
            assert_eq!(decide(audience, ada(), true), Decision::Allowed(ada()));
        }
    }
}
