use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use syn::{Item, UseTree, Visibility};

use crate::output::hint::Hint as _;

/// A plugin as the server's `src/plugins.rs` registers it.
pub(crate) struct Registration {
    /// The name of the library in Rust code.
    pub(crate) library: String,
    /// Whether the library exports a function `plugin()`. Without it, only the migrations are registered.
    pub(crate) has_plugin_function: bool,
}

/// Returns the contents of the server's `src/plugins.rs` for plugins that are sorted by id. They are not formatted yet.
pub(crate) fn contents(plugins: &[Registration]) -> String {
    let mut contents = "\
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
            writeln!(contents, "{library}::plugin(),")
        } else {
            writeln!(
                contents,
                "Plugin::new({library}::PLUGIN_METADATA, {library}::MIGRATIONS),"
            )
        }
        .expect("writing to a String does not fail");
    }
    contents + "]}\n"
}

/// Returns whether a library exports a function `plugin`, by the contents of its `lib.rs`.
///
/// # Errors
///
/// Names the line that is not Rust.
pub(crate) fn has_plugin_function(file: &Path, contents: &str) -> Result<bool> {
    let file = syn::parse_file(contents)
        .map_err(|error| {
            let line = error.span().start().line;
            anyhow!("failed to read {}:{line}: {error}", file.display())
        })
        .hint("fix it, so that the function `plugin` can be found")?;
    Ok(file.items.iter().any(|item| match item {
        Item::Fn(function) => is_public(&function.vis) && function.sig.ident == "plugin",
        Item::Use(item) => is_public(&item.vis) && exports_plugin(&item.tree),
        _ => false,
    }))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn exports_plugin(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(path) => exports_plugin(&path.tree),
        UseTree::Name(name) => name.ident == "plugin",
        UseTree::Rename(rename) => rename.rename == "plugin",
        UseTree::Group(group) => group.items.iter().any(exports_plugin),
        UseTree::Glob(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_or_reexported_function_is_found() {
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
