use watertight_metadata::{PermissionId, PluginId};

/// A permission that a plugin declares, such as reading its items.
///
/// Its name does not include the plugin's id. The host prepends it: `item.read` of the plugin `my-feature` has the id
/// `my-feature.item.read`.
///
/// ```
/// use watertight_host::{Audience, Permission};
///
/// pub const READ: Permission = Permission::new("item.read", "List and view items").granted_to(Audience::Everyone);
/// pub const WRITE: Permission = Permission::new("item.write", "Create, update and delete items");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    name: &'static str,
    description: &'static str,
    audience: Audience,
}

/// Who has a permission by default, without a grant by the server's [`Authorizer`](crate::Authorizer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Nobody: the authorizer has to grant the permission.
    #[default]
    Nobody,
    /// All users that are signed in.
    SignedIn,
    /// Everyone, including callers that are not signed in.
    Everyone,
}

impl Permission {
    /// Creates a permission that nobody has by default.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not lower-case words joined by dots, such as `item.read`. In a constant, that is a
    /// compile error.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        // Checks the name: which plugin it belongs to does not matter.
        let _ = PluginId::new("a").permission(name);
        Self {
            name,
            description,
            audience: Audience::Nobody,
        }
    }

    /// Sets who has the permission by default.
    #[must_use]
    pub const fn granted_to(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// Returns the name, without the plugin's id.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the description.
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// Returns who has the permission by default.
    pub const fn audience(&self) -> Audience {
        self.audience
    }

    pub(crate) fn of(&self, plugin: PluginId) -> RequiredPermission {
        RequiredPermission {
            id: plugin.permission(self.name),
            audience: self.audience,
        }
    }
}

/// The permission that a request needs, passed to the [`Authorizer`](crate::Authorizer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredPermission {
    id: PermissionId,
    audience: Audience,
}

impl RequiredPermission {
    /// Returns the permission's id, such as `my-feature.item.read`.
    pub fn id(&self) -> PermissionId {
        self.id
    }

    /// Returns who has the permission by default.
    pub fn audience(&self) -> Audience {
        self.audience
    }
}
