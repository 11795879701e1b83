//! The plugins of this server.
//!
//! `cargo xtask new-plugin` writes this file from the plugins that exist; what is changed here is lost.

use watertight_migrations::Plugin;

/// Every plugin of the workspace, sorted by id.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin::new(plugin_auth::PLUGIN_METADATA, plugin_auth::MIGRATIONS),
        Plugin::new(plugin_catalog::PLUGIN_METADATA, plugin_catalog::MIGRATIONS),
        Plugin::new(
            plugin_my_feature::PLUGIN_METADATA,
            plugin_my_feature::MIGRATIONS,
        ),
    ]
}
