//! Rebuilds the crate when a template comes: `include_dir!` alone notices only changes in those that were there.

fn main() {
    println!("cargo::rerun-if-changed=templates");
}
