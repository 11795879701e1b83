use watertight_metadata::{PermissionId, PluginId};

/// Something that a plugin lets some people do, such as reading its items.
///
/// A plugin names it without its own id: the host puts that before it, so that `item.read` of the plugin
/// `my-feature` is `my-feature.item.read` everywhere else.
///
/// ```
/// use watertight_host::{Audience, Permission};
///
/// pub const READ: Permission = Permission::new("item.read", "See items").granted_to(Audience::Everyone);
/// pub const WRITE: Permission = Permission::new("item.write", "Create, change and delete items");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    name: &'static str,
    description: &'static str,
    audience: Audience,
}

/// Who has a permission unless the server's [`Authorizer`](crate::Authorizer) says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Nobody: the authorizer has to grant it.
    #[default]
    Nobody,
    /// Whoever is signed in.
    SignedIn,
    /// Everyone, also without signing in.
    Everyone,
}

impl Permission {
    /// A permission that nobody has by default.
    ///
    /// # Panics
    ///
    /// Panics when `name` is not lower-case words joined by dots, such as `item.read`; in a constant that is a
    /// compile error.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        // Any plugin will do: only the name is checked here.
        let _ = PluginId::new("a").permission(name);
        Self {
            name,
            description,
            audience: Audience::Nobody,
        }
    }

    /// Says who has it by default.
    #[must_use]
    pub const fn granted_to(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// Its name within the plugin.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it lets people do.
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// Who has it by default.
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

/// The permission that a request needs, as an [`Authorizer`](crate::Authorizer) sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredPermission {
    id: PermissionId,
    audience: Audience,
}

impl RequiredPermission {
    /// The permission with its plugin: `my-feature.item.read`.
    pub fn id(&self) -> PermissionId {
        self.id
    }

    /// Who has it by default.
    pub fn audience(&self) -> Audience {
        self.audience
    }
}
