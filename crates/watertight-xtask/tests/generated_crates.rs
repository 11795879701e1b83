//! What the generators write compiles without a warning, and its test passes, whatever ids and tables are
//! called.

mod common;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::TestWorkspace;

/// Ids and tables that clash with a name in Rust, SQL, Diesel or the templates if anything does.
const PLUGINS: [(&str, &str); 30] = [
    ("a", "items"),
    (
        "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghij",
        LONGEST_TABLE,
    ),
    ("type", "type"),
    ("core", "order"),
    ("test", "user"),
    ("std", "strings"),
    ("run-query-dsl", "run_query_dsls"),
    ("query-dsl", "query_dsls"),
    ("selectable-helper", "selectable_helpers"),
    ("x1-2-3", "x1_2_3"),
    ("diesel", "schema"),
    ("clash-1", "self"),
    ("clash-2", "box"),
    ("clash-3", "options"),
    ("clash-4", "results"),
    ("clash-5", "table"),
    ("clash-6", "columns"),
    ("clash-7", "core"),
    ("clash-8", "uuids"),
    ("clash-9", "plugins"),
    ("clash-10", "selectable"),
    ("clash-11", "async"),
    ("clash-12", "test_databases"),
    ("clash-13", "plugin_clash_13"),
    ("clash-14", "naive_date_times"),
    ("clash-15", "errors"),
    ("clash-16", "intos"),
    ("clash-17", "new_items"),
    ("clash-18", "routes"),
    ("clash-19", "responses"),
];

/// Of these, some that have tables only.
const TABLES_ONLY: [&str; 3] = ["core", "clash-4", "clash-9"];

const LONGEST_TABLE: &str = "abcdefghijklmnopqrstuvwxyz_0123456789_abcdefghijklmnopqrst";

/// All of them are in one workspace, which stays: the first run builds Diesel, later ones only the plugins.
#[test]
fn every_generated_crate_is_clean_and_its_test_passes() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    for folder in ["plugins", "server"] {
        let _ = fs::remove_dir_all(root.join(folder));
    }
    fs::create_dir_all(root.join("server/src")).unwrap();
    let workspace = TestWorkspace::at(&root);
    let description = "Says \"hi\" to MyType, a_b </b> {{ x }} */ \\ [a]";
    // What is clean does not depend on the database, and each of their tests would start a PGlite: a few will do there.
    let count = if watertight_testing::serves_one_connection() {
        2
    } else {
        PLUGINS.len()
    };
    for (id, table) in PLUGINS.into_iter().take(count) {
        let mut arguments = vec![
            "new-plugin",
            id,
            "--table",
            table,
            "--description",
            description,
        ];
        if TABLES_ONLY.contains(&id) {
            arguments.push("--no-server");
        }
        workspace.run(&arguments).done();
    }

    cargo(&workspace, &["fmt", "--check"]);
    cargo(
        &workspace,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    );
    cargo(&workspace, &["test", "--workspace"]);
}

fn cargo(workspace: &TestWorkspace, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.path("target"))
        // Half a hundred programs are linked, and nobody debugs them.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Clippy as it is for everybody, not as this repository sets it.
        .env("CLIPPY_CONF_DIR", workspace.root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {}:\n{}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
