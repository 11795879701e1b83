//! The cargo that the commands start does not see the variables that Cargo sets for `cargo xtask` itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::test_workspace::{Outcome, TestWorkspace};

#[test]
fn cargo_is_started_without_the_variables_of_the_cargo_that_runs_the_command() {
    let workspace = TestWorkspace::new();
    let tools = tempfile::tempdir().unwrap();
    let cargo = tools.path().join("cargo");
    let seen = tools.path().join("environment");
    let script = format!("#!/bin/sh\nenv > {}\n", seen.display());
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = workspace.command(&["new-plugin", "orders"]);
    command
        .env("CARGO", &cargo)
        .env("CARGO_MANIFEST_DIR", workspace.path("xtask"))
        .env("CARGO_PKG_NAME", "xtask")
        .env("CARGO_BIN_NAME", "xtask")
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TARGET_DIR", "/elsewhere");
    // Another test that starts a program at the same time keeps the script open for writing for a moment.
    let mut output = command.output().unwrap();
    while String::from_utf8_lossy(&output.stderr).contains("Text file busy") {
        output = command.output().unwrap();
    }
    Outcome::new(output).succeeded();
    let environment = fs::read_to_string(seen).unwrap();
    let has = |name: &str| environment.lines().any(|line| line.starts_with(name));
    for removed in [
        "CARGO=",
        "CARGO_MANIFEST_DIR=",
        "CARGO_PKG_",
        "CARGO_BIN_NAME=",
    ] {
        assert!(!has(removed), "{removed}");
    }
    assert!(has("CARGO_TERM_COLOR=never") && has("CARGO_TARGET_DIR=/elsewhere"));
}
