//! The table of layers in ARCHITECTURE.md: a crate uses crates of lower layers only.

use std::collections::BTreeMap;

use toml_edit::TableLike;

use crate::{manifest, read, root};

/// The layer of each crate, from the rows `| 0 | `watertight-metadata` | … |`.
fn layers() -> BTreeMap<String, u32> {
    let page = read("ARCHITECTURE.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let layer = cells.next()?.parse().ok()?;
        let name = cells.next()?.trim_matches('`').trim_end_matches('/');
        Some((name.to_owned(), layer))
    });
    rows.collect()
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let layers = layers();
    let mut faults = Vec::new();
    for folder in root().join("crates").read_dir().unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let Some(layer) = layers.get(&name) else {
            faults.push(format!("ARCHITECTURE.md has no layer for {name}"));
            continue;
        };
        let manifest = manifest(&format!("crates/{name}/Cargo.toml"));
        let dependencies = manifest
            .get("dependencies")
            .and_then(|item| item.as_table_like());
        for (dependency, _) in dependencies.into_iter().flat_map(TableLike::iter) {
            if layers.get(dependency).is_some_and(|lower| lower >= layer) {
                faults.push(format!(
                    "{name}, on layer {layer}, depends on {dependency}, which is not below it"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
