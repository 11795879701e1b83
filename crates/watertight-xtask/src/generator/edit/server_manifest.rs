use anyhow::{Context, Result, ensure};
use toml_edit::{DocumentMut, Item, Table};

use crate::generator::edit::dependencies;

/// The manifest of the server's package.
pub(crate) struct ServerManifest {
    document: DocumentMut,
}

impl ServerManifest {
    /// # Errors
    ///
    /// When `text` is not TOML.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            document: text.parse()?,
        })
    }

    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Makes the server depend on `package` as the workspace does. A dependency on it stays as it is.
    ///
    /// Returns whether the server takes it from the workspace.
    ///
    /// # Errors
    ///
    /// When the dependencies are not a table, or have another package under that name.
    pub(crate) fn add(&mut self, package: &str) -> Result<bool> {
        let table = self
            .document
            .entry("dependencies")
            .or_insert(Item::Table(Table::new()));
        if let Some(there) = table.get(package) {
            let inherited = there.get("workspace").is_some();
            let same = inherited || there.get("path").is_some();
            ensure!(
                same && there.get("package").is_none(),
                "`{package}` in `[dependencies]` is another package already; rename that dependency, or choose another \
                 id"
            );
            return Ok(inherited);
        }
        dependencies::insert(table, package, dependencies::inherited())
            .context("failed to add to `[dependencies]`")?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_added_once_and_an_own_one_stays() {
        let mut server = ServerManifest::parse("[package]\nname = \"server\"\n").unwrap();
        assert!(server.add("plugin-b").unwrap());
        assert!(server.add("plugin-a").unwrap());
        assert!(server.add("plugin-a").unwrap());
        assert_eq!(
            server.text(),
            "[package]\nname = \"server\"\n\n[dependencies]\nplugin-a.workspace = true\nplugin-b.workspace = true\n"
        );
        let own = "[dependencies]\nplugin-a = { path = \"../plugins/a\" }\n";
        let mut server = ServerManifest::parse(own).unwrap();
        assert!(!server.add("plugin-a").unwrap());
        assert_eq!(server.text(), own);
    }

    #[test]
    fn another_dependency_of_the_same_name_is_an_error() {
        for other in ["\"1\"", "{ path = \"../other\", package = \"other\" }"] {
            let text = format!("[dependencies]\nplugin-a = {other}\n");
            let mut server = ServerManifest::parse(&text).unwrap();
            assert!(server.add("plugin-a").is_err(), "{other}");
        }
    }
}
