//! The cargo that the commands start does not see the variables that Cargo sets for `cargo xtask` itself.

use std::fs;

use crate::test_workspace::{Outcome, TestWorkspace, write_program};

#[test]
fn cargo_is_started_without_the_variables_of_the_cargo_that_runs_the_command() {
    let workspace = TestWorkspace::new();
    let tools = tempfile::tempdir().unwrap();
    let cargo = tools.path().join("cargo");
    let seen = tools.path().join("environment");
    write_program(&cargo, &format!("env > {}", seen.display()));
    let mut command = workspace.command(&["new-plugin", "orders"]);
    command
        .env("CARGO", &cargo)
        .env("CARGO_MANIFEST_DIR", workspace.path("xtask"))
        .env("CARGO_PKG_NAME", "xtask")
        .env("CARGO_BIN_NAME", "xtask")
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TARGET_DIR", "/elsewhere");
    Outcome::new(command.output().unwrap()).succeeded();
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
