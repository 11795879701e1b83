//! `new-plugin`: what it writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use insta::assert_snapshot;

use crate::test_workspace::{REPOSITORY, TestWorkspace, Tree, tree};

const FIXED: [&str; 2] = ["--timestamp", "2026-01-01-000000"];

pub fn new_plugin<'a>(id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["new-plugin", id], more].concat()
}

#[test]
fn the_example_plugin_is_up_to_date() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &FIXED)).succeeded();
    let written = tree(&workspace.path("plugins/my-feature"));
    let example = tree(&Path::new(REPOSITORY).join("examples/plugins/my-feature"));
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(&example));
    for (path, (_, content)) in &written {
        let text = |content: &Option<Vec<u8>>| {
            content
                .as_ref()
                .map(|text| String::from_utf8(text.clone()).unwrap())
        };
        assert_eq!(text(content), text(&example[path].1), "{}", path.display());
    }
}

#[test]
fn a_new_plugin_is_added_to_the_workspace_and_the_server() {
    let workspace = TestWorkspace::new();
    let output = workspace.run(&new_plugin("zebra", &FIXED)).succeeded();
    workspace.run(&new_plugin("my-feature", &FIXED)).succeeded();
    assert_snapshot!(output, @"
    Wrote plugin `zebra`:
      create plugins/zebra/Cargo.toml
      create plugins/zebra/README.md
      create plugins/zebra/build.rs
      create plugins/zebra/diesel.toml
      create plugins/zebra/migrations/2026-01-01-000000_create_items/down.sql
      create plugins/zebra/migrations/2026-01-01-000000_create_items/up.sql
      create plugins/zebra/src/error.rs
      create plugins/zebra/src/lib.rs
      create plugins/zebra/src/models.rs
      create plugins/zebra/src/permissions.rs
      create plugins/zebra/src/plugin_metadata.rs
      create plugins/zebra/src/routes.rs
      create plugins/zebra/src/schema.rs
      create plugins/zebra/tests/http.rs
      create plugins/zebra/tests/round_trip.rs
      edit   Cargo.toml
      edit   server/Cargo.toml
      create server/src/plugins.rs

    Next:
      cargo xtask migrate         creates the schema plugin_zebra and its table
      cargo test -p plugin-zebra  migrates a test database and uses the models
    ");
    assert_snapshot!(workspace.read("server/Cargo.toml"), @r#"
    [package]
    name = "server"
    version.workspace = true
    edition.workspace = true

    [dependencies]
    plugin-my-feature.workspace = true
    plugin-zebra.workspace = true
    watertight-host.workspace = true
    watertight-migrations.workspace = true

    [lints]
    workspace = true
    "#);
    assert_snapshot!(workspace.read("server/src/plugins.rs"), @r"
    //! The plugins of this server.
    //!
    //! `cargo xtask new-plugin` writes this file from the plugins that exist; what is changed here is lost.

    use watertight_host::Plugin;

    /// Every plugin of the workspace, sorted by id.
    pub fn plugins() -> Vec<Plugin> {
        vec![plugin_my_feature::plugin(), plugin_zebra::plugin()]
    }
    ");
    let root = workspace.read("Cargo.toml");
    assert!(
        root.contains("members = [\"plugins/*\", \"server\"] # all of them\n"),
        "{root}"
    );
    assert!(
        root.contains("\n# Watertight.\nwatertight-migrations = "),
        "{root}"
    );
    let root: toml_edit::DocumentMut = root.parse().unwrap();
    let dependencies = root["workspace"]["dependencies"].as_table().unwrap();
    let names: Vec<&str> = dependencies.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "chrono",
            "diesel",
            "diesel_migrations",
            "plugin-my-feature",
            "plugin-zebra",
            "serde",
            "serde_json",
            "thiserror",
            "ureq",
            "uuid",
            "watertight-host",
            "watertight-metadata",
            "watertight-migrations",
            "watertight-testing",
            "watertight-xtask",
        ]
    );
    let lock = workspace.read("Cargo.lock");
    assert!(lock.contains("name = \"plugin-my-feature\""));
}

#[test]
fn a_plugin_with_tables_only_is_registered_with_its_migrations() {
    let workspace = TestWorkspace::new();
    workspace
        .run(&new_plugin("orders", &["--no-server"]))
        .succeeded();
    for file in ["src/permissions.rs", "src/routes.rs", "tests/http.rs"] {
        assert!(!workspace.path("plugins/orders").join(file).exists());
    }
    assert!(
        !workspace
            .read("plugins/orders/Cargo.toml")
            .contains("watertight-host")
    );
    assert!(
        workspace
            .read("server/src/plugins.rs")
            .contains("plugin_orders::MIGRATIONS")
    );
}

#[test]
fn a_second_run_changes_nothing() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &[])).succeeded();
    workspace.write("plugins/my-feature/src/models.rs", "// mine now\n");
    let before = workspace.tree();
    assert_snapshot!(
        workspace.run(&new_plugin("my-feature", &[])).succeeded(),
        @"Nothing to do: plugin `my-feature` exists in plugins/my-feature."
    );
    let json = workspace
        .run(&new_plugin("my-feature", &["--json"]))
        .succeeded();
    assert!(json.contains("\"status\": \"nothing-to-do\""), "{json}");
    assert!(workspace.tree() == before);
}

#[test]
fn a_dry_run_shows_files_and_diffs_and_writes_nothing() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let arguments = [&FIXED[..], &["--dry-run"]].concat();
    let shown = workspace
        .run(&new_plugin("my-feature", &arguments))
        .succeeded();
    assert!(workspace.tree() == before);
    assert!(
        shown.contains("create plugins/my-feature/src/models.rs"),
        "{shown}"
    );
    assert!(
        shown.contains("\n+plugin-my-feature.workspace = true\n"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "no colours without a terminal");

    let arguments = [&arguments[..], &["--json"]].concat();
    let json = workspace
        .run(&new_plugin("my-feature", &arguments))
        .succeeded();
    assert!(workspace.tree() == before);
    let planned: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(planned["status"], "planned");
    let written = workspace.run(&new_plugin(
        "my-feature",
        &[&FIXED[..], &["--json"]].concat(),
    ));
    let written: serde_json::Value = serde_json::from_str(&written.succeeded()).unwrap();
    assert_eq!(written["status"], "written");
    assert_eq!(written["files"], planned["files"]);
    for file in written["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        assert_eq!(workspace.read(path), file["content"].as_str().unwrap());
    }
}

#[test]
fn a_description_is_escaped() {
    let workspace = TestWorkspace::new();
    let description = "Says \"hi\" */ {{ id }} \\ <b>\nand [more]";
    workspace
        .run(&new_plugin("a", &["--description", description]))
        .succeeded();
    let manifest: toml_edit::DocumentMut = workspace.read("plugins/a/Cargo.toml").parse().unwrap();
    assert_eq!(
        manifest["package"]["description"].as_str(),
        Some("Says \"hi\" */ {{ id }} \\ <b> and [more]")
    );
    let readme = workspace.read("plugins/a/README.md");
    assert!(
        readme.contains("Says \"hi\" \\*/ {{ id }} \\\\ \\<b> and \\[more\\]\n"),
        "{readme}"
    );
    let message = workspace
        .run(&new_plugin("b", &["--description", "a\u{7}"]))
        .usage_error();
    assert!(message.contains("control character"), "{message}");
}

#[test]
fn folders_can_be_changed_by_settings() {
    let workspace = TestWorkspace::new();
    let settings = "[workspace.metadata.watertight]\nplugins = \"app/parts\"\nserver = \"app/server\"\n\n[workspace.package]";
    workspace.replace("Cargo.toml", "[workspace.package]", settings);
    workspace.replace("Cargo.toml", "\"plugins/*\", \"server\"", "\"app/server\"");
    fs::create_dir(workspace.path("app")).unwrap();
    fs::rename(workspace.path("server"), workspace.path("app/server")).unwrap();
    workspace.run(&new_plugin("orders", &[])).succeeded();
    let root = workspace.read("Cargo.toml");
    assert!(
        root.contains("members = [\"app/parts/orders\", \"app/server\"] # all"),
        "{root}"
    );
    assert!(
        root.contains("plugin-orders = { path = \"app/parts/orders\" }"),
        "{root}"
    );
    assert!(
        workspace
            .read("app/server/src/plugins.rs")
            .contains("plugin_orders")
    );
}

#[test]
fn without_a_server_the_plugin_is_part_of_none() {
    let workspace = TestWorkspace::new();
    fs::remove_dir_all(workspace.path("server")).unwrap();
    workspace.replace("Cargo.toml", ", \"server\"", "");
    let ran = workspace.run(&new_plugin("orders", &[]));
    assert_snapshot!(ran.stderr, @"There is no server in server; the plugin is not part of one.");
    ran.succeeded();
    assert!(!workspace.path("server").exists());
}

#[test]
fn templates_of_the_workspace_replace_embedded_ones_or_are_added() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/README.md.jinja",
        "{{ id | pascal }} {{ table.type_name }}\n",
    );
    workspace.write(
        "templates/plugin/docs/{{ schema }}.txt",
        "{{ not rendered }}",
    );
    workspace.run(&new_plugin("my-feature", &[])).succeeded();
    assert_eq!(
        workspace.read("plugins/my-feature/README.md"),
        "MyFeature Item\n"
    );
    assert_eq!(
        workspace.read("plugins/my-feature/docs/plugin_my_feature.txt"),
        "{{ not rendered }}"
    );
}

#[test]
fn the_rustfmt_configuration_of_the_workspace_is_used() {
    let workspace = TestWorkspace::new();
    workspace.write("rustfmt.toml", "hard_tabs = true\n");
    workspace.run(&new_plugin("orders", &[])).succeeded();
    assert!(
        workspace
            .read("plugins/orders/build.rs")
            .contains("\n\tprintln!")
    );
    assert!(workspace.read("server/src/plugins.rs").contains("\n\tvec!"));
}

#[test]
fn line_endings_permissions_and_links_are_kept() {
    let workspace = TestWorkspace::new();
    let windows = workspace.read("Cargo.toml").replace('\n', "\r\n");
    workspace.write("Cargo.toml", &windows);
    let server = workspace.path("server/Cargo.toml");
    fs::rename(&server, workspace.path("server.toml")).unwrap();
    symlink("../server.toml", &server).unwrap();
    fs::set_permissions(
        workspace.path("server.toml"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();

    workspace.run(&new_plugin("orders", &[])).succeeded();

    let root = workspace.read("Cargo.toml");
    assert_eq!(root.matches('\n').count(), root.matches("\r\n").count());
    assert!(root.contains("plugin-orders = { path = \"plugins/orders\" }\r\n"));
    assert!(fs::symlink_metadata(&server).unwrap().is_symlink());
    assert!(workspace.read("server.toml").contains("plugin-orders"));
    let mode = fs::metadata(&server).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
