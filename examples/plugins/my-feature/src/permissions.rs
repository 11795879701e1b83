//! The plugin's permissions.

use watertight_host::{Audience, Permission};

/// `my-feature.item.read`
pub const READ: Permission =
    Permission::new("item.read", "List and view items").granted_to(Audience::Everyone);

/// `my-feature.item.write`
pub const WRITE: Permission = Permission::new("item.write", "Create, update and delete items");

/// All permissions of the plugin.
pub const ALL: &[Permission] = &[READ, WRITE];
