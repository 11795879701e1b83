use std::fmt;

use crate::plugin_id::PluginId;

/// The id of a permission: the plugin that declares it, and its name within that plugin.
///
/// It is written `my-feature.item.read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionId {
    plugin: PluginId,
    name: &'static str,
}

impl PermissionId {
    pub(crate) const fn new(plugin: PluginId, name: &'static str) -> Self {
        assert!(
            is_permission_name(name.as_bytes()),
            "a permission name is lower-case words joined by dots, such as item.read"
        );
        Self { plugin, name }
    }

    /// The plugin that declares the permission.
    pub const fn plugin(&self) -> &PluginId {
        &self.plugin
    }

    /// The name within the plugin: `item.read`.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// `[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*`
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

impl fmt::Display for PermissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plugin, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
