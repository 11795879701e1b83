use std::fmt::Write;

use crate::workspace::WorkspacePlugin;

/// The server's `src/plugins.rs`, all of it, for plugins that are sorted by id. It is not formatted yet.
pub(crate) fn text(plugins: &[WorkspacePlugin]) -> String {
    let mut text = "\
//! The plugins of this server.
//!
//! `cargo xtask new-plugin` writes this file from the plugins that exist; what is changed here is lost.

use watertight_migrations::Plugin;

/// Every plugin of the workspace, sorted by id.
pub fn plugins() -> Vec<Plugin> {
    vec![
"
    .to_owned();
    for plugin in plugins {
        let library = plugin.library_name();
        writeln!(
            text,
            "Plugin::new({library}::PLUGIN_METADATA, {library}::MIGRATIONS),"
        )
        .expect("a String takes any text");
    }
    text + "]}\n"
}
