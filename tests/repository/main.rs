//! Rules for the repository's files: layers, imports, documentation and lock files.

mod build_paths;
mod contributing;
mod imports;
mod layers;
mod minimal_versions;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest(path: &str) -> toml_edit::DocumentMut {
    read(path).parse().unwrap()
}
