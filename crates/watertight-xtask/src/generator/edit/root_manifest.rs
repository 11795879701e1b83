use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::required_versions::{IncompatibleVersion, incompatible};
use super::{dependencies, members};
use crate::output::hint::hinted;

/// The entries that `[workspace.dependencies]` gets for the dependencies of a plugin.
const KNOWN: &str = include_str!("../../../templates/workspace_dependencies.toml");

/// What a package can inherit from `[workspace.package]`, in the order in which plugins write it.
const PACKAGE_KEYS: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// The workspace's root manifest.
pub(crate) struct RootManifest {
    document: DocumentMut,
    incompatible: Vec<IncompatibleVersion>,
}

impl RootManifest {
    /// Wraps a manifest.
    ///
    /// # Errors
    ///
    /// When it has no `[workspace]`.
    pub(crate) fn new(document: DocumentMut) -> Result<Self> {
        let workspace = document.get("workspace").and_then(Item::as_table_like);
        ensure!(workspace.is_some(), "it has no `[workspace]`");
        Ok(Self {
            document,
            incompatible: Vec::new(),
        })
    }

    /// Returns the manifest as TOML.
    pub(crate) fn to_toml(&self) -> String {
        self.document.to_string()
    }

    /// Returns the document, for a root package's own tables.
    pub(crate) fn document_mut(&mut self) -> &mut DocumentMut {
        &mut self.document
    }

    /// Returns the keys of `[workspace.package]` that a plugin inherits.
    pub(crate) fn package_keys(&self) -> Vec<&'static str> {
        PACKAGE_KEYS
            .into_iter()
            .filter(|key| self.get(&["package", key]).is_some())
            .collect()
    }

    /// Returns the edition of plugins.
    pub(crate) fn edition(&self) -> &str {
        self.get(&["package", "edition"])
            .and_then(Item::as_str)
            .unwrap_or("2024")
    }

    /// Returns whether the workspace has lints to inherit.
    pub(crate) fn has_lints(&self) -> bool {
        self.get(&["lints"]).is_some()
    }

    /// Returns the patterns of `members`.
    ///
    /// # Errors
    ///
    /// When they are not strings.
    pub(crate) fn members(&self) -> Result<Vec<String>> {
        members::strings(self.workspace(), "members")
    }

    /// Makes the package in `folder` a member. See [`members::add`].
    ///
    /// # Errors
    ///
    /// As [`members::add`].
    pub(crate) fn add_member(&mut self, folder: &str) -> Result<()> {
        members::add(self.workspace_mut(), folder)
    }

    /// Adds the package in `folder` to `[workspace.dependencies]`.
    ///
    /// # Errors
    ///
    /// When another dependency has that name.
    pub(crate) fn add_path_dependency(&mut self, name: &str, folder: &str) -> Result<()> {
        let Some(present) = self.get(&["dependencies", name]) else {
            return dependencies::insert(self.dependencies_mut(), name, dependencies::path(folder))
                .context("failed to add to `[workspace.dependencies]`");
        };
        let path = present.get("path").and_then(Item::as_str);
        let path = path.unwrap_or_default().trim_start_matches("./");
        ensure!(
            Path::new(path) == Path::new(folder) && present.get("package").is_none(),
            hinted(
                format!("`{name}` in `[workspace.dependencies]` is another package"),
                "rename that dependency, or choose another id"
            )
        );
        Ok(())
    }

    /// Adds the dependencies that a package with this manifest inherits and the workspace lacks.
    ///
    /// # Errors
    ///
    /// When the source of such a dependency is not known.
    pub(crate) fn add_inherited_by(&mut self, manifest: &str) -> Result<()> {
        let manifest: DocumentMut = manifest
            .parse()
            .context("failed to read the Cargo.toml that the templates generate")?;
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

    /// Adds a dependency for members to inherit, unless the workspace has it already.
    ///
    /// # Errors
    ///
    /// When its source is not known.
    pub(crate) fn add_inherited(&mut self, name: &str) -> Result<()> {
        let known: DocumentMut = KNOWN.parse().expect("the file is TOML");
        let required = known.get(name);
        if let Some(present) = self.get(&["dependencies", name]) {
            let found = required.and_then(|required| incompatible(name, present, required));
            self.incompatible.extend(found);
            return Ok(());
        }
        let source = match required {
            Some(source) => source.clone(),
            None => self.source_of(name)?,
        };
        dependencies::insert(self.dependencies_mut(), name, source)
            .context("failed to add to `[workspace.dependencies]`")
    }

    /// Checks that the workspace's versions of the inherited dependencies work with the generated code.
    ///
    /// # Errors
    ///
    /// Lists those that do not.
    pub(crate) fn check_versions(&self) -> Result<()> {
        if self.incompatible.is_empty() {
            return Ok(());
        }
        let versions = self.incompatible.iter().map(|dependency| {
            let IncompatibleVersion {
                name,
                present,
                required,
            } = dependency;
            (
                format!("{name} {present}"),
                format!("`{name} = \"{required}\"`"),
            )
        });
        let (present, required): (Vec<_>, Vec<_>) = versions.unzip();
        bail!(hinted(
            format!(
                "the generated code does not compile with {} of `[workspace.dependencies]`",
                present.join(", ")
            ),
            format!(
                "change the versions to {}, and run the command again",
                required.join(", ")
            )
        ))
    }

    /// Returns where one of Watertight's crates comes from: where `watertight-xtask` does.
    fn source_of(&self, name: &str) -> Result<Item> {
        if name.starts_with("watertight-")
            && let Some(xtask) = self.get(&["dependencies", "watertight-xtask"])
            && let Some(source) = sibling(xtask, name)
        {
            return Ok(source);
        }
        bail!(hinted(
            format!("a plugin inherits `{name}`, which is missing in `[workspace.dependencies]`"),
            "add it there"
        ))
    }

    /// Returns the item at these keys below `[workspace]`.
    fn get(&self, keys: &[&str]) -> Option<&Item> {
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
        workspace.expect("`new` has checked it")
    }

    fn workspace_mut(&mut self) -> &mut dyn TableLike {
        let workspace = self
            .document
            .get_mut("workspace")
            .and_then(Item::as_table_like_mut);
        workspace.expect("`new` has checked it")
    }
}

/// Returns the dependency `name` with the source of the dependency `xtask`.
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
    use crate::output::command_error::CommandError;

    fn root(manifest: &str) -> RootManifest {
        RootManifest::new(manifest.parse().unwrap()).unwrap()
    }

    #[test]
    fn an_inherited_crate_of_watertight_has_the_source_of_xtask() {
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
                root.to_toml(),
                format!(
                    "[workspace.dependencies]\nwatertight-metadata = {metadata}\nwatertight-xtask = {xtask}\n"
                )
            );
        }
    }

    #[test]
    fn an_inherited_dependency_without_a_known_source_is_an_error() {
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
    fn a_workspace_gets_the_versions_of_this_repository() {
        let repository = root(include_str!("../../../../../Cargo.toml"));
        let known: DocumentMut = KNOWN.parse().unwrap();
        for (name, entry) in known.iter() {
            let version = |item: &Item| {
                item.get("version")
                    .unwrap_or(item)
                    .as_str()
                    .map(str::to_owned)
            };
            let here = repository.get(&["dependencies", name]).unwrap();
            assert_eq!(version(entry), version(here), "{name}");
        }
    }

    #[test]
    fn versions_that_the_generated_code_does_not_work_with_are_listed() {
        let mut root =
            root("[workspace.dependencies]\nureq = \"2\"\ndiesel = { version = \"1.4\" }\n");
        root.add_inherited_by("[dependencies]\ndiesel.workspace = true\nureq.workspace = true\n")
            .unwrap();
        let error = root.check_versions().unwrap_err();
        insta::assert_snapshot!(CommandError::report(error), @r#"
        error: the generated code does not compile with diesel 1.4, ureq 2 of `[workspace.dependencies]`
        hint: change the versions to `diesel = "2.3.9"`, `ureq = "3"`, and run the command again
        "#);
    }
}
