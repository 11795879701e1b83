use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use syn::{Item, UseTree, Visibility};

/// What the server's `src/plugins.rs` needs to know of a plugin.
pub(crate) struct Registration {
    /// The library, as Rust code calls it.
    pub(crate) library: String,
    /// Whether the library has a function `plugin()`. Without it, only the migrations are registered.
    pub(crate) has_plugin_function: bool,
}

/// The server's `src/plugins.rs`, all of it, for plugins that are sorted by id. It is not formatted yet.
pub(crate) fn text(plugins: &[Registration]) -> String {
    let mut text = "\
//! The plugins of this server.
//!
//! `cargo xtask new-plugin` writes this file from the plugins that exist; what is changed here is lost.

use watertight_host::Plugin;

/// Every plugin of the workspace, sorted by id.
pub fn plugins() -> Vec<Plugin> {
    vec![
"
    .to_owned();
    for plugin in plugins {
        let library = &plugin.library;
        if plugin.has_plugin_function {
            writeln!(text, "{library}::plugin(),")
        } else {
            writeln!(
                text,
                "Plugin::new({library}::PLUGIN_METADATA, {library}::MIGRATIONS),"
            )
        }
        .expect("a String takes any text");
    }
    text + "]}\n"
}

/// Whether a library, given its `lib.rs` and the text of it, exports a function `plugin`.
///
/// # Errors
///
/// Names the line that is not Rust.
pub(crate) fn has_plugin_function(file: &Path, text: &str) -> Result<bool> {
    let file = syn::parse_file(text).map_err(|error| {
        anyhow!(
            "failed to read {}:{}: {error}; mend it, so that the function `plugin` can be looked for",
            file.display(),
            error.span().start().line
        )
    })?;
    Ok(file.items.iter().any(|item| match item {
        Item::Fn(function) => is_public(&function.vis) && function.sig.ident == "plugin",
        Item::Use(item) => is_public(&item.vis) && brings_plugin(&item.tree),
        _ => false,
    }))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn brings_plugin(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(path) => brings_plugin(&path.tree),
        UseTree::Name(name) => name.ident == "plugin",
        UseTree::Rename(rename) => rename.rename == "plugin",
        UseTree::Group(group) => group.items.iter().any(brings_plugin),
        UseTree::Glob(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_function_or_one_that_is_exported_again_is_found() {
        for (library, found) in [
            ("pub fn plugin() -> Plugin { todo!() }", true),
            ("pub use self::server::{a, plugin};", true),
            ("pub use server::new as plugin;", true),
            ("fn plugin() {}", false),
            ("pub(crate) fn plugin() {}", false),
            ("pub mod plugin;", false),
            ("pub use server::plugin as other;", false),
            ("", false),
        ] {
            let has = has_plugin_function(Path::new("lib.rs"), library);
            assert_eq!(has.unwrap(), found, "{library}");
        }
    }
}
