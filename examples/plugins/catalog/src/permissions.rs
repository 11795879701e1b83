//! The plugin's permissions.

use watertight_host::{Audience, Permission};

/// `catalog.product.read`
pub const READ: Permission =
    Permission::new("product.read", "List published products").granted_to(Audience::Everyone);

/// `catalog.product.write`
pub const WRITE: Permission = Permission::new("product.write", "Add and publish products");

/// All permissions of the plugin.
pub const ALL: &[Permission] = &[READ, WRITE];
