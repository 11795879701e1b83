use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::generator::edit::{dependencies, members};

/// What a workspace may lack of a plugin's dependencies, as the entries that it gets.
const KNOWN: &str = include_str!("../../../templates/workspace_dependencies.toml");

/// What a package can inherit from `[workspace.package]`, in the order in which plugins write it.
const PACKAGE_KEYS: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// The workspace's root manifest.
pub(crate) struct RootManifest {
    document: DocumentMut,
}

impl RootManifest {
    /// # Errors
    ///
    /// When `text` is not TOML or has no `[workspace]`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let document: DocumentMut = text.parse()?;
        let workspace = document.get("workspace").and_then(Item::as_table_like);
        ensure!(workspace.is_some(), "it has no `[workspace]`");
        Ok(Self { document })
    }

    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// The keys that a plugin inherits: those that the workspace defines.
    pub(crate) fn package_keys(&self) -> Vec<&'static str> {
        PACKAGE_KEYS
            .into_iter()
            .filter(|key| self.at(&["package", key]).is_some())
            .collect()
    }

    /// The edition that plugins have.
    pub(crate) fn edition(&self) -> &str {
        self.at(&["package", "edition"])
            .and_then(Item::as_str)
            .unwrap_or("2024")
    }

    /// Whether the workspace has lints to inherit.
    pub(crate) fn has_lints(&self) -> bool {
        self.at(&["lints"]).is_some()
    }

    /// The patterns of `members`.
    ///
    /// # Errors
    ///
    /// When they are not texts.
    pub(crate) fn members(&self) -> Result<Vec<String>> {
        members::texts(self.workspace(), "members")
    }

    /// See [`members::add`].
    ///
    /// # Errors
    ///
    /// See there.
    pub(crate) fn add_member(&mut self, folder: &str) -> Result<()> {
        members::add(self.workspace_mut(), folder)
    }

    /// Lets members inherit the package in `folder` as a dependency.
    ///
    /// # Errors
    ///
    /// When the workspace has another dependency of that name.
    pub(crate) fn add_path_dependency(&mut self, name: &str, folder: &str) -> Result<()> {
        let Some(there) = self.at(&["dependencies", name]) else {
            return dependencies::insert(self.dependencies_mut(), name, dependencies::path(folder))
                .context("failed to add to `[workspace.dependencies]`");
        };
        let path = there.get("path").and_then(Item::as_str).unwrap_or_default();
        let same = Path::new(path.trim_start_matches("./")) == Path::new(folder);
        ensure!(
            same && there.get("package").is_none(),
            "`{name}` in `[workspace.dependencies]` is another package already; rename that dependency, or choose \
             another id"
        );
        Ok(())
    }

    /// Adds those dependencies that a package with this manifest inherits and the workspace lacks.
    ///
    /// # Errors
    ///
    /// When it is not known where such a dependency comes from.
    pub(crate) fn add_inherited_by(&mut self, manifest: &str) -> Result<()> {
        let manifest: DocumentMut = manifest
            .parse()
            .context("failed to read the Cargo.toml that the templates make")?;
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(kind).and_then(Item::as_table_like);
            for (name, dependency) in table.into_iter().flat_map(TableLike::iter) {
                if dependency.get("workspace").is_some() {
                    self.add_inherited(name)?;
                }
            }
        }
        Ok(())
    }

    /// Lets members inherit a dependency, unless they can already.
    ///
    /// # Errors
    ///
    /// When it is not known where it comes from.
    pub(crate) fn add_inherited(&mut self, name: &str) -> Result<()> {
        if self.at(&["dependencies", name]).is_some() {
            return Ok(());
        }
        let source = self.source_of(name)?;
        dependencies::insert(self.dependencies_mut(), name, source)
            .context("failed to add to `[workspace.dependencies]`")
    }

    fn source_of(&self, name: &str) -> Result<Item> {
        let known: DocumentMut = KNOWN.parse().expect("the file is TOML");
        if let Some(source) = known.get(name) {
            return Ok(source.clone());
        }
        if name.starts_with("watertight-")
            && let Some(xtask) = self.at(&["dependencies", "watertight-xtask"])
            && let Some(source) = sibling(xtask, name)
        {
            return Ok(source);
        }
        bail!(
            "a plugin inherits `{name}`, which `[workspace.dependencies]` does not have; add it there"
        )
    }

    /// The item at these keys below `[workspace]`.
    fn at(&self, keys: &[&str]) -> Option<&Item> {
        let mut item = self.document.get("workspace");
        for key in keys {
            item = item?.get(key);
        }
        item
    }

    fn dependencies_mut(&mut self) -> &mut Item {
        self.workspace_mut()
            .entry("dependencies")
            .or_insert(Item::Table(Table::new()))
    }

    fn workspace(&self) -> &dyn TableLike {
        let workspace = self.document.get("workspace").and_then(Item::as_table_like);
        workspace.expect("`parse` has looked for it")
    }

    fn workspace_mut(&mut self) -> &mut dyn TableLike {
        let workspace = self
            .document
            .get_mut("workspace")
            .and_then(Item::as_table_like_mut);
        workspace.expect("`parse` has looked for it")
    }
}

/// Where `name` comes from, if it comes from where the dependency `xtask` does.
fn sibling(xtask: &Item, name: &str) -> Option<Item> {
    if xtask.is_str() {
        return Some(xtask.clone());
    }
    let mut source = xtask.as_table_like()?.iter().fold(
        toml_edit::InlineTable::new(),
        |mut source, (key, value)| {
            if !["features", "default-features", "optional", "package"].contains(&key)
                && let Some(value) = value.as_value()
            {
                source.insert(key, value.clone());
            }
            source
        },
    );
    if let Some(path) = source.get_mut("path") {
        let folder = Path::new(path.as_str()?).with_file_name(name);
        *path = Value::from(folder.to_str()?);
    }
    source.fmt();
    Some(Item::Value(Value::InlineTable(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> RootManifest {
        RootManifest::parse(text).unwrap()
    }

    #[test]
    fn what_a_plugin_inherits_comes_from_where_xtask_comes_from() {
        for (xtask, metadata) in [
            ("\"0.1\"", "\"0.1\""),
            (
                "{ path = \"../w/crates/watertight-xtask\", features = [\"x\"] }",
                "{ path = \"../w/crates/watertight-metadata\" }",
            ),
            (
                "{ git = \"https://example.com/w\", tag = \"v1\" }",
                "{ git = \"https://example.com/w\", tag = \"v1\" }",
            ),
        ] {
            let before = format!("[workspace.dependencies]\nwatertight-xtask = {xtask}\n");
            let mut root = root(&before);
            root.add_inherited_by("[dependencies]\nwatertight-metadata.workspace = true\n")
                .unwrap();
            assert_eq!(
                root.text(),
                format!(
                    "[workspace.dependencies]\nwatertight-metadata = {metadata}\nwatertight-xtask = {xtask}\n"
                )
            );
        }
    }

    #[test]
    fn a_dependency_that_comes_from_nowhere_is_an_error() {
        let mut root = root("[workspace]\n");
        for name in ["rand", "watertight-metadata"] {
            let error =
                root.add_inherited_by(&format!("[dependencies]\n{name}.workspace = true\n"));
            assert!(error.unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn a_plugin_inherits_only_what_the_workspace_defines() {
        let with = root(
            "[workspace.package]\npublish = false\nedition = \"2021\"\n[workspace.lints.rust]\n",
        );
        assert_eq!(with.package_keys(), ["edition", "publish"]);
        assert_eq!(with.edition(), "2021");
        assert!(with.has_lints());
        let without = root("[workspace]\n");
        assert_eq!(without.package_keys(), [""; 0]);
        assert_eq!(without.edition(), "2024");
        assert!(!without.has_lints());
    }

    #[test]
    fn another_dependency_of_the_same_name_is_an_error() {
        for other in [
            "\"1\"",
            "{ path = \"elsewhere\" }",
            "{ path = \"plugins/a\", package = \"b\" }",
        ] {
            let mut root = root(&format!("[workspace.dependencies]\nplugin-a = {other}\n"));
            assert!(
                root.add_path_dependency("plugin-a", "plugins/a").is_err(),
                "{other}"
            );
        }
        let mut root = root("[workspace.dependencies]\nplugin-a = { path = \"./plugins/a/\" }\n");
        root.add_path_dependency("plugin-a", "plugins/a").unwrap();
    }

    #[test]
    fn the_versions_that_a_workspace_gets_are_those_of_this_one() {
        let ours = root(include_str!("../../../../../Cargo.toml"));
        let known: DocumentMut = KNOWN.parse().unwrap();
        for (name, entry) in known.iter() {
            let version = |item: &Item| {
                item.get("version")
                    .unwrap_or(item)
                    .as_str()
                    .map(str::to_owned)
            };
            let here = ours.at(&["dependencies", name]).unwrap();
            assert_eq!(version(entry), version(here), "{name}");
        }
    }
}
