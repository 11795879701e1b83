use anyhow::{Context, Result, ensure};
use toml_edit::{DocumentMut, Item, Table};

use super::dependencies;
use crate::output::hint::hinted;

/// Makes the package of a manifest depend on `package` as the workspace does. Keeps a dependency that exists.
///
/// Returns whether the dependency is inherited from the workspace.
///
/// # Errors
///
/// When the dependencies are not a table, or have another package of that name.
pub(crate) fn add_dependency(manifest: &mut DocumentMut, package: &str) -> Result<bool> {
    let table = manifest
        .entry("dependencies")
        .or_insert(Item::Table(Table::new()));
    if let Some(present) = table.get(package) {
        let inherited = present.get("workspace").is_some();
        let same = inherited || present.get("path").is_some();
        ensure!(
            same && present.get("package").is_none(),
            hinted(
                format!("`{package}` in `[dependencies]` is another package"),
                "rename that dependency, or choose another id"
            )
        );
        return Ok(inherited);
    }
    dependencies::insert(table, package, dependencies::inherited())
        .context("failed to add to `[dependencies]`")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(manifest: &str) -> DocumentMut {
        manifest.parse().unwrap()
    }

    #[test]
    fn a_dependency_is_added_once_and_one_with_a_path_is_kept() {
        let mut server = parse("[package]\nname = \"server\"\n");
        assert!(add_dependency(&mut server, "plugin-b").unwrap());
        assert!(add_dependency(&mut server, "plugin-a").unwrap());
        assert!(add_dependency(&mut server, "plugin-a").unwrap());
        assert_eq!(
            server.to_string(),
            "[package]\nname = \"server\"\n\n[dependencies]\nplugin-a.workspace = true\nplugin-b.workspace = true\n"
        );
        let with_path = "[dependencies]\nplugin-a = { path = \"../plugins/a\" }\n";
        let mut server = parse(with_path);
        assert!(!add_dependency(&mut server, "plugin-a").unwrap());
        assert_eq!(server.to_string(), with_path);
    }

    #[test]
    fn another_dependency_of_the_same_name_is_an_error() {
        for other in ["\"1\"", "{ path = \"../other\", package = \"other\" }"] {
            let mut server = parse(&format!("[dependencies]\nplugin-a = {other}\n"));
            assert!(add_dependency(&mut server, "plugin-a").is_err(), "{other}");
        }
    }
}
