use axum::http::request::Parts;
use futures_util::future::BoxFuture;

use crate::plugin::BoxError;
use crate::{Audience, RequiredPermission};

/// Who is signed in. Handlers get it as `Option<Extension<Identity>>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: String,
}

impl Identity {
    /// Somebody, by the name or number that the server knows them by.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
        }
    }

    /// The name or number.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// Whether a request may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may, on behalf of this person if one is signed in.
    Allowed(Option<Identity>),
    /// It may not, and nobody is signed in: status 401.
    NotSignedIn,
    /// It may not, whoever is signed in: status 403.
    Forbidden,
}

/// Decides who may do what. The server supplies one; without it nobody is ever signed in.
///
/// It is asked for every route that needs a permission, and never for one that is
/// [public](crate::Access::Public). Most need to know two things: who sent the request, and what the person is
/// granted beyond what a permission's [`Audience`] gives by default.
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
    /// Decides about one request.
    ///
    /// # Errors
    ///
    /// When it cannot tell. The request is then refused with status 500, and the error goes to the log.
    fn authorize(
        &self,
        request: &Parts,
        permission: RequiredPermission,
    ) -> impl Future<Output = Result<Decision, BoxError>> + Send;
}

impl RequiredPermission {
    /// What follows from who is signed in, what they are granted, and who has the permission by default.
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

/// Nobody is signed in.
pub(crate) struct Nobody;

impl Authorizer for Nobody {
    async fn authorize(
        &self,
        _request: &Parts,
        permission: RequiredPermission,
    ) -> Result<Decision, BoxError> {
        Ok(permission.decide(None, false))
    }
}

/// An [`Authorizer`] behind a pointer.
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
    use crate::Permission;

    #[test]
    fn a_permission_is_had_by_default_or_granted_to_somebody() {
        let ada = || Some(Identity::new("ada"));
        let decide = |audience, identity, granted| {
            let permission = Permission::new("item.read", "").granted_to(audience);
            permission.of(PluginId::new("a")).decide(identity, granted)
        };
        for (audience, nobody, somebody) in [
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
            // A grant to nobody is none.
            assert_eq!(decide(audience, None, true), nobody);
            assert_eq!(decide(audience, ada(), false), somebody);
            assert_eq!(decide(audience, ada(), true), Decision::Allowed(ada()));
        }
    }
}
