//! The path of the build, which is wrong after a workspace was moved and where workspaces share a target folder.

use std::fs;

use walkdir::WalkDir;

use crate::root;

/// Searches the workspace at run time first.
const ALLOWED: &str = "crates/watertight-xtask/src/generator/vendored_copy.rs";

#[test]
fn no_library_reads_files_from_where_it_was_built() {
    let crates = root().join("crates");
    let sources = WalkDir::new(&crates)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| {
            let path = entry.path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            is_rust && path.components().any(|part| part.as_os_str() == "src")
        });
    let reading: Vec<_> = sources
        .filter(|entry| {
            let source = fs::read_to_string(entry.path()).unwrap();
            source.contains("env!(\"CARGO_MANIFEST_DIR\")")
        })
        .map(|entry| {
            let path = entry.path().strip_prefix(root()).unwrap();
            path.display().to_string()
        })
        .collect();
    assert_eq!(reading, [ALLOWED]);
}
