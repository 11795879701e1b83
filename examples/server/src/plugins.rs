//! The plugins of this server.
//!
//! `cargo xtask new-plugin` writes this file from the plugins that exist; what is changed here is lost.

use watertight_host::Plugin;

/// Every plugin of the workspace, sorted by id.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin::new(plugin_auth::PLUGIN_METADATA, plugin_auth::MIGRATIONS),
        plugin_catalog::plugin(),
        plugin_my_feature::plugin(),
    ]
}
