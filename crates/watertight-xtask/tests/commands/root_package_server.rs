//! A workspace whose root package is the server: `server = "."`.

use std::fs;

use insta::assert_snapshot;

use crate::test_workspace::TestWorkspace;

fn workspace() -> TestWorkspace {
    let workspace = TestWorkspace::new();
    fs::remove_dir_all(workspace.path("server")).unwrap();
    workspace.replace("Cargo.toml", ", \"server\"", "");
    let root = workspace.read("Cargo.toml");
    workspace.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"shop\"\nedition = \"2024\"\n\n[dependencies]\n\n{root}\n\
             [workspace.metadata.watertight]\nserver = \".\"\n"
        ),
    );
    workspace.write("src/main.rs", "mod plugins;\n\nfn main() {}\n");
    workspace
}

#[test]
fn a_new_plugin_becomes_part_of_the_root_package() {
    let workspace = workspace();
    let written = workspace.run(&["new-plugin", "orders"]);
    assert_eq!(written.stderr, "");
    let written = written.succeeded();
    let edits = written.lines().filter(|line| !line.contains("plugins/"));
    assert_snapshot!(edits.collect::<Vec<_>>().join("\n"), @"
    Wrote plugin `orders`:
      edit   Cargo.toml
      create src/plugins.rs

    Next:
      cargo xtask migrate          creates the schema plugin_orders and its table
      cargo test -p plugin-orders  migrates a test database and uses the models
    ");
    let manifest = workspace.read("Cargo.toml");
    assert!(
        manifest.contains(
            "[dependencies]\nplugin-orders.workspace = true\nwatertight-host.workspace = true\n"
        ),
        "{manifest}"
    );
    assert!(manifest.contains("plugin-orders = { path = \"plugins/orders\" }"));
    assert!(
        workspace
            .read("src/plugins.rs")
            .contains("plugin_orders::plugin()")
    );

    let again = workspace.run(&["new-plugin", "orders"]).succeeded();
    assert!(again.starts_with("Nothing to do"), "{again}");
    workspace
        .run(&["new-migration", "orders", "add_price"])
        .succeeded();
}

#[test]
fn the_name_of_the_root_package_is_taken() {
    let workspace = workspace();
    workspace.replace("Cargo.toml", "name = \"shop\"", "name = \"plugin-orders\"");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to create plugin `orders`: the package in . has the name plugin-orders
    hint: choose another id
    ");
}
