//! The crates that a server links.

use std::path::Path;
use std::process::Command;

/// Returns the names of all crates that the example server links.
fn linked_crates(features: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "server", "--edges", "normal"])
        .args([
            "--prefix",
            "none",
            "--format",
            "{lib}",
            "--locked",
            "--offline",
        ])
        .args(features)
        .current_dir(root)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_server_without_the_feature_embedded_does_not_link_the_embedded_database() {
    let development = linked_crates(&[]);
    let production = linked_crates(&["--no-default-features"]);
    for name in ["watertight_embedded", "watertight_helpers"] {
        let links = |crates: &str| crates.lines().any(|line| line.trim() == name);
        assert!(links(&development), "{development}");
        assert!(!links(&production), "{production}");
    }
    assert!(production.contains("watertight_connection"), "{production}");
}
