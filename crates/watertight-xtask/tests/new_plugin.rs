//! `new-plugin` in a workspace: what it writes, what it refuses, and that a failure leaves nothing behind.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{REPOSITORY, Ran, TestWorkspace, tree};
use insta::assert_snapshot;

const FIXED: [&str; 2] = ["--timestamp", "2026-01-01-000000"];

fn new_plugin<'a>(id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["new-plugin", id], more].concat()
}

/// Runs a command that must fail, and checks that it changes nothing.
#[track_caller]
fn fails(workspace: &TestWorkspace, arguments: &[&str]) -> String {
    let before = workspace.tree();
    let message = workspace.run(arguments).failed();
    assert!(workspace.tree() == before, "something was left behind");
    message
}

#[test]
fn the_example_is_what_is_written() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &FIXED)).done();
    let written = tree(&workspace.path("plugins/my-feature"));
    let example = tree(&Path::new(REPOSITORY).join("examples/plugins/my-feature"));
    let names = |tree: &common::Tree| tree.keys().cloned().collect::<Vec<_>>();
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
fn the_plugin_becomes_part_of_the_workspace_and_the_server() {
    let workspace = TestWorkspace::new();
    let said = workspace.run(&new_plugin("zebra", &FIXED)).done();
    workspace.run(&new_plugin("my-feature", &FIXED)).done();
    assert_snapshot!(said, @r"
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
      cargo test -p plugin-zebra  migrates a database and uses the models
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
        root.contains("\n# Ours.\nwatertight-migrations = "),
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
        .done();
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
fn a_library_in_which_the_function_cannot_be_looked_for_is_named() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("orders", &[])).done();
    workspace.write("plugins/orders/src/lib.rs", "\npub fn plugin(\n");
    assert_snapshot!(fails(&workspace, &["new-plugin", "shop"]), @"error: failed to read plugins/orders/src/lib.rs:2: cannot parse string into token stream; mend it, so that the function `plugin` can be looked for");
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &[])).done();
    workspace.write("plugins/my-feature/src/models.rs", "// mine now\n");
    let before = workspace.tree();
    assert_snapshot!(
        workspace.run(&new_plugin("my-feature", &[])).done(),
        @"Nothing to do: plugin `my-feature` is in plugins/my-feature already."
    );
    let json = workspace.run(&new_plugin("my-feature", &["--json"])).done();
    assert!(json.contains("\"status\": \"nothing-to-do\""), "{json}");
    assert!(workspace.tree() == before);
}

#[test]
fn what_a_killed_run_left_undone_is_done_by_the_next() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &[])).done();
    let complete = workspace.tree();
    let plugin_line = "plugin-my-feature.workspace = true\n";
    workspace.replace("server/Cargo.toml", plugin_line, "");
    fs::remove_file(workspace.path("server/src/plugins.rs")).unwrap();
    workspace.write(".watertight/staging/new/Cargo.toml", "half a mani");
    let said = workspace.run(&new_plugin("my-feature", &[])).done();
    assert!(!said.contains("plugins/my-feature/"), "{said}");
    assert!(workspace.tree() == complete);
}

#[test]
fn a_dry_run_shows_files_and_diffs_and_writes_nothing() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let arguments = [&FIXED[..], &["--dry-run"]].concat();
    let shown = workspace.run(&new_plugin("my-feature", &arguments)).done();
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
    let json = workspace.run(&new_plugin("my-feature", &arguments)).done();
    assert!(workspace.tree() == before);
    let planned: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(planned["status"], "planned");
    let written = workspace.run(&new_plugin(
        "my-feature",
        &[&FIXED[..], &["--json"]].concat(),
    ));
    let written: serde_json::Value = serde_json::from_str(&written.done()).unwrap();
    assert_eq!(written["status"], "written");
    assert_eq!(written["files"], planned["files"]);
    for file in written["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        assert_eq!(workspace.read(path), file["content"].as_str().unwrap());
    }
}

#[test]
fn a_description_is_data() {
    let workspace = TestWorkspace::new();
    let description = "Says \"hi\" */ {{ id }} \\ <b>\nand [more]";
    workspace
        .run(&new_plugin("a", &["--description", description]))
        .done();
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
        .refused_as_wrong_usage();
    assert!(message.contains("control character"), "{message}");
}

#[test]
fn wrong_ids_and_tables_are_wrong_usage() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    assert_snapshot!(workspace.run(&["new-plugin", "My_Feature"]).refused_as_wrong_usage(), @r#"
    error: invalid value 'My_Feature' for '<ID>': failed to read "My_Feature" as a plugin id: a plugin id is lower case; did you mean `my-feature`?

    For more information, try '--help'.
    "#);
    assert_snapshot!(
        workspace.run(&["new-plugin", "a", "--table", "name"]).refused_as_wrong_usage(),
        @r#"
        error: invalid value 'name' for '--table <NAME>': failed to take "name" as the table's name: the table has a column of that name, and Diesel's `table!` cannot tell the two apart; choose another with `--table`

        For more information, try '--help'.
        "#
    );
    assert!(workspace.tree() == before);
}

#[test]
fn a_folder_that_is_something_else_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.write("plugins/orders/notes.txt", "");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to create plugin `orders`: plugins/orders is there already, and is not that plugin; move it away, or choose another id");
}

#[test]
fn an_id_that_another_folder_has_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("sales", "orders", "plugin-orders");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to create plugin `orders`: plugins/sales has that id already; choose another");
}

#[test]
fn a_package_name_that_is_taken_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.replace(
        "server/Cargo.toml",
        "name = \"server\"",
        "name = \"plugin-orders\"",
    );
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to create plugin `orders`: the package in server is called plugin-orders already; choose another id");
}

#[test]
fn a_dependency_of_the_same_name_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.replace("Cargo.toml", "# Ours.\n", "plugin-orders = \"1\"\n");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to change Cargo.toml: `plugin-orders` in `[workspace.dependencies]` is another package already; rename that dependency, or choose another id");
}

#[test]
fn an_excluded_plugins_folder_is_an_error() {
    let workspace = TestWorkspace::new();
    workspace.replace(
        "Cargo.toml",
        "[workspace]\n",
        "[workspace]\nexclude = [\"plugins\"]\n",
    );
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to change Cargo.toml: `exclude` in `[workspace]` leaves out `plugins`; take it out of `exclude`, or set `plugins` in `[workspace.metadata.watertight]` to another folder");
}

#[test]
fn settings_and_plugins_that_cannot_be_read_are_named() {
    let workspace = TestWorkspace::new();
    let settings = "[workspace.metadata.watertight]\nplugin = \"x\"\n\n[workspace.package]";
    workspace.replace("Cargo.toml", "[workspace.package]", settings);
    let message = fails(&workspace, &["new-plugin", "orders"]);
    assert!(message.contains("an unknown key `plugin`"), "{message}");

    let workspace = TestWorkspace::new();
    workspace.write_plugin("old", "Old", "plugin-old");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @r#"error: failed to read plugins/old/src/plugin_metadata.rs:1: failed to read "Old" as a plugin id: a plugin id is lower case; did you mean `old`?"#);

    let workspace = TestWorkspace::new();
    workspace.write_plugin("one", "same", "plugin-one");
    workspace.write_plugin("two", "same", "plugin-two");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to list the plugins: plugins/one and plugins/two both have the id `same`; give one another id");

    let workspace = TestWorkspace::new();
    workspace.write("plugins", "a file");
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to list plugins: Not a directory (os error 20)");
}

#[test]
fn a_folder_outside_a_workspace_is_an_error() {
    let workspace = TestWorkspace::new();
    workspace.write("Cargo.toml", "[package]\nname = \"alone\"\n");
    let message = fails(&workspace, &["new-plugin", "orders"]);
    assert!(
        message.contains("failed to find a workspace from "),
        "{message}"
    );
}

#[test]
fn the_settings_say_where_things_are() {
    let workspace = TestWorkspace::new();
    let settings = "[workspace.metadata.watertight]\nplugins = \"app/parts\"\nserver = \"app/server\"\n\n[workspace.package]";
    workspace.replace("Cargo.toml", "[workspace.package]", settings);
    workspace.replace("Cargo.toml", "\"plugins/*\", \"server\"", "\"app/server\"");
    fs::create_dir(workspace.path("app")).unwrap();
    fs::rename(workspace.path("server"), workspace.path("app/server")).unwrap();
    workspace.run(&new_plugin("orders", &[])).done();
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
fn without_a_server_the_plugin_stands_alone() {
    let workspace = TestWorkspace::new();
    fs::remove_dir_all(workspace.path("server")).unwrap();
    workspace.replace("Cargo.toml", ", \"server\"", "");
    let ran = workspace.run(&new_plugin("orders", &[]));
    assert_snapshot!(ran.stderr, @"There is no server in server; the plugin is not part of one.");
    ran.done();
    assert!(!workspace.path("server").exists());
}

#[test]
fn a_template_of_the_workspace_overrides_ours_and_others_are_added() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/README.md.jinja",
        "{{ id | pascal }} {{ table.type_name }}\n",
    );
    workspace.write(
        "templates/plugin/docs/{{ schema }}.txt",
        "{{ not rendered }}",
    );
    workspace.run(&new_plugin("my-feature", &[])).done();
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
fn a_wrong_template_is_named_and_nothing_is_written() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/src/lib.rs.jinja",
        "//! Docs.\n// {{ nonsense }}\n",
    );
    let message = fails(&workspace, &["new-plugin", "orders"]);
    let message = message.replace(&workspace.path("").display().to_string(), "");
    assert_snapshot!(message, @"error: failed to render template templates/plugin/src/lib.rs.jinja:2: undefined value in `// {{ nonsense }}`; correct the template");
    workspace.write("templates/plugin/src/lib.rs.jinja", "fn {\n");
    let message = fails(&workspace, &["new-plugin", "orders"]);
    assert!(
        message.starts_with("error: failed to format src/lib.rs; rustfmt says:"),
        "{message}"
    );
    assert!(message.contains("--> src/lib.rs:1:"), "{message}");
}

#[test]
fn a_missing_rustfmt_is_named() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let ran = workspace
        .command(&["new-plugin", "orders"])
        .env("RUSTFMT", "no-such-rustfmt")
        .output();
    assert_snapshot!(Ran::new(ran.unwrap()).failed(), @"error: failed to run rustfmt: No such file or directory (os error 2); install it with `rustup component add rustfmt`");
    assert!(workspace.tree() == before);
}

#[test]
fn the_formatting_of_the_workspace_is_kept() {
    let workspace = TestWorkspace::new();
    workspace.write("rustfmt.toml", "hard_tabs = true\n");
    workspace.run(&new_plugin("orders", &[])).done();
    assert!(
        workspace
            .read("plugins/orders/build.rs")
            .contains("\n\tprintln!")
    );
    assert!(workspace.read("server/src/plugins.rs").contains("\n\tvec!"));
}

#[test]
fn line_ends_permissions_and_links_are_kept() {
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

    workspace.run(&new_plugin("orders", &[])).done();

    let root = workspace.read("Cargo.toml");
    assert_eq!(root.matches('\n').count(), root.matches("\r\n").count());
    assert!(root.contains("plugin-orders = { path = \"plugins/orders\" }\r\n"));
    assert!(fs::symlink_metadata(&server).unwrap().is_symlink());
    assert!(workspace.read("server.toml").contains("plugin-orders"));
    let mode = fs::metadata(&server).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn when_cargo_rejects_the_workspace_all_is_put_back() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/Cargo.toml.jinja",
        "[package]\nname = \"{{ package }}\"\n\n[dependencies]\nserver = { path = \"../../nowhere\" }\n",
    );
    let message = fails(&workspace, &["new-plugin", "orders"]);
    assert!(
        message.contains("so nothing was changed; Cargo says:\nerror: "),
        "{message}"
    );
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn a_read_only_manifest_is_refused_and_nothing_is_left() {
    let workspace = TestWorkspace::new();
    let read_only = fs::Permissions::from_mode(0o444);
    fs::set_permissions(workspace.path("server/Cargo.toml"), read_only).unwrap();
    assert_snapshot!(fails(&workspace, &["new-plugin", "orders"]), @"error: failed to change server/Cargo.toml: it is read-only; make it writable and run the command again");
}

#[test]
fn when_the_disk_is_full_nothing_is_left() {
    let workspace = TestWorkspace::new();
    let padding = "# padding\n".repeat(40_000);
    workspace.write("Cargo.toml", &(workspace.read("Cargo.toml") + &padding));
    let before = workspace.tree();
    // A limit on the size of files makes `write` fail as a full disk does, without being root.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
    let command = workspace.command(&["new-plugin", "orders"]);
    let ran = Command::new("sh")
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(workspace.root())
        .env_remove("CARGO_MANIFEST_DIR")
        .output();
    assert_snapshot!(Ran::new(ran.unwrap()).failed(), @"error: failed to change Cargo.toml: File too large (os error 27)");
    assert!(workspace.tree() == before);
}

/// A program that stands in for cargo: it tells the command to end, then goes on. Not with the signal of Ctrl-C, which
/// programs that run in the background inherit as one to ignore.
fn interrupting(workspace: &TestWorkspace, then: &str) -> std::process::Output {
    let tools = tempfile::TempDir::new().unwrap();
    let script = tools.path().join("script");
    fs::write(
        &script,
        format!("#!/bin/sh\nkill -TERM $PPID\nsleep 0.2\n{then}\n"),
    )
    .unwrap();
    // Copied by another process: what this one has open for writing, a test in another thread may just be handing on
    // to a program that it starts, and nobody can run it meanwhile.
    let cargo = tools.path().join("cargo");
    let mut install = Command::new("install");
    install.args(["-m", "755"]).args([&script, &cargo]);
    assert!(install.status().unwrap().success());
    let mut command = workspace.command(&["new-plugin", "orders"]);
    command.env("CARGO", &cargo).output().unwrap()
}

#[test]
fn an_interrupt_waits_until_all_is_done_or_put_back() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let output = interrupting(&workspace, "exit 1");
    assert_eq!(output.status.signal(), Some(15));
    assert!(workspace.tree() == before);

    let output = interrupting(&workspace, "exit 0");
    assert_eq!(output.status.signal(), Some(15));
    let said = workspace.run(&new_plugin("orders", &[])).done();
    assert!(said.starts_with("Nothing to do"), "{said}");
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let workspace = TestWorkspace::new();
    let ids = ["a", "b", "c", "d"];
    let started = ids.map(|id| {
        workspace
            .command(&["new-plugin", id])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    for mut command in started {
        assert!(command.wait().unwrap().success());
    }
    let plugins = workspace.read("server/src/plugins.rs");
    for id in ids {
        assert!(
            plugins.contains(&format!("plugin_{id}::plugin()")),
            "{plugins}"
        );
        assert!(
            workspace
                .read("Cargo.lock")
                .contains(&format!("\"plugin-{id}\""))
        );
    }
}

#[test]
fn a_run_that_was_killed_before_cargo_lock_was_written_is_completed() {
    let workspace = TestWorkspace::new();
    let before = workspace.read("Cargo.lock");
    workspace.run(&["new-plugin", "orders"]).done();
    let whole = workspace.read("Cargo.lock");
    workspace.write("Cargo.lock", &before);
    let again = workspace.run(&["new-plugin", "orders", "--table", "lines"]);
    assert!(
        again.stderr.contains("Brought Cargo.lock up to date."),
        "{}",
        again.stderr
    );
    assert!(
        again.stderr.contains("`--table` change nothing"),
        "{}",
        again.stderr
    );
    assert!(again.done().starts_with("Nothing to do"));
    assert_eq!(workspace.read("Cargo.lock"), whole);
}
