//! Cargo.minimal.lock, with the lowest versions that the manifests allow.

use toml_edit::{Item, TableLike};

use crate::manifest;

#[test]
fn the_lock_file_of_minimal_versions_has_the_lowest_version_of_each_dependency() {
    let lock = manifest("Cargo.minimal.lock");
    let packages = lock["package"].as_array_of_tables().unwrap();
    let locks = |name: &str, version: &str| {
        packages.iter().any(|package| {
            // The version without build metadata, such as `+spec-1.1.0`.
            let locked = package["version"].as_str().unwrap().split('+').next();
            package["name"].as_str() == Some(name) && locked == Some(version)
        })
    };
    let manifest = manifest("Cargo.toml");
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
    let mut others = Vec::new();
    for (key, dependency) in dependencies {
        let table = dependency.as_table_like();
        let entry = |name| {
            table
                .and_then(|table: &dyn TableLike| table.get(name))
                .and_then(Item::as_str)
        };
        if entry("path").is_some() {
            continue;
        }
        let name = entry("package").unwrap_or(key);
        let requirement = dependency.as_str().or(entry("version")).unwrap();
        let missing = 2 - requirement.matches('.').count();
        let lowest = format!(
            "{}{}",
            requirement.trim_start_matches('='),
            ".0".repeat(missing)
        );
        if !locks(name, &lowest) {
            others.push(format!("{name} {lowest}"));
        }
    }
    assert!(
        others.is_empty(),
        "Cargo.minimal.lock does not have {}; run `bash .ci/minimal-versions --update`",
        others.join(", ")
    );
}
