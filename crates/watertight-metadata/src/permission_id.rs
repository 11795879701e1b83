use std::fmt;

use crate::plugin_id::PluginId;

/// The id of a permission, such as `my-feature.item.read`: the plugin that declares it, and its name in that plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionId {
    plugin: PluginId,
    name: &'static str,
}

impl PermissionId {
    const fn new(plugin: PluginId, name: &'static str) -> Self {
        assert!(
            is_permission_name(name.as_bytes()),
            "a permission name is lower-case words joined by dots, such as item.read"
        );
        Self { plugin, name }
    }

    /// Returns the plugin that declares the permission.
    pub const fn plugin(&self) -> &PluginId {
        &self.plugin
    }

    /// Returns the name in the plugin: `item.read`.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Matches `[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*`.
const fn is_permission_name(name: &[u8]) -> bool {
    let mut at_start = true;
    let mut i = 0;
    while i < name.len() {
        at_start = match name[i] {
            b'a'..=b'z' => false,
            b'0'..=b'9' | b'-' if !at_start => false,
            b'.' if !at_start => true,
            _ => return false,
        };
        i += 1;
    }
    !at_start
}

impl PluginId {
    /// Returns the id of one of the plugin's permissions: `my-feature.item.read` for `item.read`.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a permission name, which is lower-case words joined by dots:
    /// `[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*`. In a constant, that is a compile error.
    pub const fn permission(&self, name: &'static str) -> PermissionId {
        PermissionId::new(*self, name)
    }
}

impl fmt::Display for PermissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plugin, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_id_begins_with_the_plugin() {
        assert_eq!(
            PluginId::new("my-feature")
                .permission("item.read")
                .to_string(),
            "my-feature.item.read"
        );
    }

    #[test]
    fn only_lower_case_words_joined_by_dots_are_permission_names() {
        for name in ["item", "item.read", "item.read-all", "a1.b2.c3"] {
            assert!(is_permission_name(name.as_bytes()), "{name:?}");
        }
        for name in [
            "",
            ".",
            "item.",
            ".read",
            "item..read",
            "Item",
            "item read",
            "1.read",
            "a.-b",
        ] {
            assert!(!is_permission_name(name.as_bytes()), "{name:?}");
        }
    }
}
