//! What the plugin lets people do.

use watertight_host::{Audience, Permission};

/// `catalog.product.read`
pub const READ: Permission =
    Permission::new("product.read", "See the published products").granted_to(Audience::Everyone);

/// `catalog.product.write`
pub const WRITE: Permission = Permission::new("product.write", "Add and publish products");

/// All of them.
pub const ALL: &[Permission] = &[READ, WRITE];
