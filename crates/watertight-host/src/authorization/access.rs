use crate::authorization::permission::Permission;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone: the [`Authorizer`](crate::Authorizer) is not called.
    Public,
    /// Callers that have this permission of the plugin.
    Permission(Permission),
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}
