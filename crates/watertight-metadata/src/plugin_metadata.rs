use crate::permission_id::PermissionId;
use crate::plugin_id::PluginId;

/// A plugin's id, and the plugins that it depends on.
///
/// It is declared in the plugin's `src/plugin_metadata.rs`, which tools also read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginMetadata {
    id: PluginId,
    dependencies: &'static [&'static str],
}

impl PluginMetadata {
    /// Creates the metadata of a plugin without dependencies.
    ///
    /// # Panics
    ///
    /// Panics with the broken rule if `id` is not a plugin id. In a constant, that is a compile error.
    pub const fn new(id: &'static str) -> Self {
        Self {
            id: PluginId::new(id),
            dependencies: &[],
        }
    }

    /// Sets the plugins whose tables this one may reference. They migrate before it.
    ///
    /// # Panics
    ///
    /// Panics if one of `ids` is not a plugin id, is the plugin's own, or occurs twice. In a constant, that is a
    /// compile error.
    #[must_use]
    pub const fn depends_on(self, ids: &'static [&'static str]) -> Self {
        let mut i = 0;
        while i < ids.len() {
            let _ = PluginId::new(ids[i]);
            assert!(
                !equal(ids[i], self.id.as_str()),
                "a plugin does not depend on itself"
            );
            let mut j = 0;
            while j < i {
                assert!(
                    !equal(ids[i], ids[j]),
                    "a plugin names each dependency once"
                );
                j += 1;
            }
            i += 1;
        }
        Self {
            dependencies: ids,
            ..self
        }
    }

    /// Returns the plugin's id.
    pub const fn id(&self) -> &PluginId {
        &self.id
    }

    /// Returns the ids of the plugins that this one depends on.
    pub const fn dependencies(&self) -> &'static [&'static str] {
        self.dependencies
    }

    /// See [`PluginId::schema_name`].
    pub const fn schema_name(&self) -> &str {
        self.id.schema_name()
    }

    /// See [`PluginId::mount_path`].
    pub const fn mount_path(&self) -> &str {
        self.id.mount_path()
    }

    /// Returns the id of one of the plugin's permissions.
    ///
    /// # Panics
    ///
    /// See [`PluginId::permission`].
    pub const fn permission(&self, name: &'static str) -> PermissionId {
        self.id.permission(name)
    }
}

/// `==` for strings, which is not `const`.
const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: PluginMetadata = PluginMetadata::new("orders").depends_on(&["catalog", "auth"]);
    const SCHEMA: &str = ORDERS.schema_name();
    const MOUNT_PATH: &str = ORDERS.mount_path();
    const READ: PermissionId = ORDERS.permission("order.read");

    #[test]
    fn every_name_is_known_at_compile_time() {
        assert_eq!(SCHEMA, "plugin_orders");
        assert_eq!(MOUNT_PATH, "/api/orders");
        assert_eq!(READ.to_string(), "orders.order.read");
        assert_eq!(ORDERS.dependencies(), ["catalog", "auth"]);
    }
}
