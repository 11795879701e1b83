//! What the plugin lets people do.

use watertight_host::{Audience, Permission};

/// `my-feature.item.read`
pub const READ: Permission =
    Permission::new("item.read", "List and see items").granted_to(Audience::Everyone);

/// `my-feature.item.write`
pub const WRITE: Permission = Permission::new("item.write", "Create, change and delete items");

/// All of them.
pub const ALL: &[Permission] = &[READ, WRITE];
