//! The plugins that the generators write compile without a warning, and their tests pass, whatever their ids and
//! tables are called.

use std::fs;

use tempfile::TempDir;

use crate::checkout::{Checkout, Outcome};
use crate::server::Server;

/// Ids and tables that could clash with a name in Rust, SQL, Diesel or the templates.
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

/// The plugins that are created with `--no-server`.
const TABLES_ONLY: [&str; 3] = ["core", "clash-4", "clash-9"];

const LONGEST_TABLE: &str = "abcdefghijklmnopqrstuvwxyz_0123456789_abcdefghijklmnopqrst";

const DESCRIPTION: &str = "Says \"hi\" to MyType, a_b </b> {{ x }} */ \\ [a]";

#[test]
fn generated_plugins_are_clean_and_their_tests_pass() {
    let checkout = Checkout::new();
    let database = Server::start();
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("my-app");
    let path = root.to_str().unwrap();
    let _ = checkout
        .xtask(&["new-workspace", path, "--source", "path"])
        .succeeded();
    // The program that has just run: to build the workspace's own takes longer.
    let xtask = folder.path().join("xtask");
    fs::copy(checkout.target_folder().join("debug/xtask"), &xtask).unwrap();

    let run = |program: &str, arguments: &[&str]| {
        let mut command = checkout.command(program);
        command
            .args(arguments)
            .current_dir(&root)
            .env("DATABASE_URL", database.url())
            // A hundred programs are linked, and nobody debugs them.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // Clippy with its defaults, without this repository's settings.
            .env("CLIPPY_CONF_DIR", &root);
        let _ = Outcome::of(command).succeeded();
    };
    // Each test starts a PGlite where there is no PostgreSQL, which takes long for all.
    let count = if database.serves_one_connection() {
        2
    } else {
        PLUGINS.len()
    };
    for (id, table) in PLUGINS.into_iter().take(count) {
        let mut arguments = vec!["new-plugin", id, "--table", table];
        arguments.extend(["--description", DESCRIPTION]);
        if TABLES_ONLY.contains(&id) {
            arguments.push("--no-server");
        }
        run(xtask.to_str().unwrap(), &arguments);
    }

    run("cargo", &["fmt", "--check"]);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked"];
    run("cargo", &[&clippy[..], &["--", "-D", "warnings"]].concat());
    run("cargo", &["test", "--locked"]);
}
