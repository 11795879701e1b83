use crate::Permission;

/// Who may call a route. Every route says it, so that none is open because somebody forgot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone, always: no [`Authorizer`](crate::Authorizer) is asked.
    Public,
    /// Those who have this permission of the plugin.
    Permission(Permission),
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}
