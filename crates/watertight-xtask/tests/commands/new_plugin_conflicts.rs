//! `cargo xtask new-plugin`: conflicts and invalid input.

use insta::assert_snapshot;

use crate::new_plugin::new_plugin;
use crate::test_workspace::{Outcome, TestWorkspace};

#[test]
fn an_error_names_a_library_that_is_not_rust() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("orders", &[])).succeeded();
    workspace.write("plugins/orders/src/lib.rs", "\npub fn plugin(\n");
    assert_snapshot!(workspace.fails(&["new-plugin", "shop"]), @"
    error: failed to read plugins/orders/src/lib.rs:2: cannot parse string into token stream
    hint: fix it, so that the function `plugin` can be found
    ");
}

#[test]
fn invalid_ids_and_table_names_are_usage_errors() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    assert_snapshot!(workspace.run(&["new-plugin", "My_Feature"]).usage_error(), @r#"
    error: invalid value 'My_Feature' for '<ID>': failed to read "My_Feature" as a plugin id: a plugin id is lower case
    hint: did you mean `my-feature`?

    For more information, try '--help'.
    "#);
    assert_snapshot!(
        workspace.run(&["new-plugin", "a", "--table", "name"]).usage_error(),
        @r#"
    error: invalid value 'name' for '--table <NAME>': "name" is not a valid table name: the table has a column of that name, which Diesel's `table!` does not allow
    hint: choose another name with `--table`

    For more information, try '--help'.
    "#
    );
    assert!(workspace.tree() == before);
}

#[test]
fn an_existing_folder_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.write("plugins/orders/notes.txt", "");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to create plugin `orders`: plugins/orders exists and is not that plugin
    hint: move it away, or choose another id
    ");
}

#[test]
fn an_id_that_another_plugin_has_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("sales", "orders", "plugin-orders");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to create plugin `orders`: the plugin in plugins/sales has that id
    hint: choose another id
    ");
}

#[test]
fn a_package_name_that_is_taken_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.replace(
        "server/Cargo.toml",
        "name = \"server\"",
        "name = \"plugin-orders\"",
    );
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to create plugin `orders`: the package in server has the name plugin-orders
    hint: choose another id
    ");
}

#[test]
fn a_dependency_of_the_same_name_is_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.replace("Cargo.toml", "# Watertight.\n", "plugin-orders = \"1\"\n");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to change Cargo.toml: `plugin-orders` in `[workspace.dependencies]` is another package
    hint: rename that dependency, or choose another id
    ");
}

#[test]
fn an_excluded_plugins_folder_is_an_error() {
    let workspace = TestWorkspace::new();
    workspace.replace(
        "Cargo.toml",
        "[workspace]\n",
        "[workspace]\nexclude = [\"plugins\"]\n",
    );
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to change Cargo.toml: `exclude` in `[workspace]` contains `plugins`
    hint: remove it there, or set `plugins` in `[workspace.metadata.watertight]` to another folder
    ");
}

#[test]
fn errors_name_invalid_settings_and_plugins() {
    let workspace = TestWorkspace::new();
    let settings = "[workspace.metadata.watertight]\nplugin = \"x\"\n\n[workspace.package]";
    workspace.replace("Cargo.toml", "[workspace.package]", settings);
    let message = workspace.fails(&["new-plugin", "orders"]);
    assert!(message.contains("an unknown key `plugin`"), "{message}");

    let workspace = TestWorkspace::new();
    workspace.write_plugin("old", "Old", "plugin-old");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @r#"
    error: failed to read plugins/old/src/plugin_metadata.rs:1: failed to read "Old" as a plugin id: a plugin id is lower case
    hint: did you mean `old`?
    "#);

    let workspace = TestWorkspace::new();
    workspace.write_plugin("one", "same", "plugin-one");
    workspace.write_plugin("two", "same", "plugin-two");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to list the plugins: plugins/one and plugins/two have the same id `same`
    hint: give one of them another id
    ");

    let workspace = TestWorkspace::new();
    workspace.write("plugins", "a file");
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"error: failed to list plugins: Not a directory (os error 20)");
}

#[test]
fn a_folder_outside_a_workspace_is_an_error() {
    let workspace = TestWorkspace::new();
    workspace.write("Cargo.toml", "[package]\nname = \"alone\"\n");
    let message = workspace.fails(&["new-plugin", "orders"]);
    assert!(
        message.contains("failed to find the workspace: "),
        "{message}"
    );
}

#[test]
fn an_error_names_an_invalid_template() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/src/lib.rs.jinja",
        "//! Docs.\n// {{ nonsense }}\n",
    );
    let message = workspace.fails(&["new-plugin", "orders"]);
    let message = message.replace(&workspace.path("").display().to_string(), "");
    assert_snapshot!(message, @"
    error: failed to render template templates/plugin/src/lib.rs.jinja:2: undefined value in `// {{ nonsense }}`
    hint: correct the template
    ");
    workspace.write("templates/plugin/src/lib.rs.jinja", "fn {\n");
    let message = workspace.fails(&["new-plugin", "orders"]);
    assert!(
        message.starts_with("error: failed to format src/lib.rs with rustfmt:"),
        "{message}"
    );
    assert!(message.contains("--> src/lib.rs:1:"), "{message}");
}

#[test]
fn a_missing_rustfmt_is_an_error() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let ran = workspace
        .command(&["new-plugin", "orders"])
        .env("RUSTFMT", "no-such-rustfmt")
        .output();
    assert_snapshot!(Outcome::new(ran.unwrap()).failed(), @"
    error: failed to run rustfmt: No such file or directory (os error 2)
    hint: install it with `rustup component add rustfmt`
    ");
    assert!(workspace.tree() == before);
}

#[test]
fn versions_that_the_generated_code_does_not_compile_with_are_a_conflict() {
    let workspace = TestWorkspace::new();
    workspace.replace(
        "Cargo.toml",
        "# Watertight.\n",
        "axum = \"0.7\"\ndiesel = { version = \"1.4\" }\nserde = \"1\"\nthiserror = \"1\"\nureq = \"2\"\n",
    );
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @r#"
    error: the generated code does not compile with diesel 1.4, ureq 2 of `[workspace.dependencies]`
    hint: change the versions to `diesel = "2.3.9"`, `ureq = "3"`, and run the command again
    "#);
    workspace.replace("Cargo.toml", "version = \"1.4\"", "version = \"2.2\"");
    workspace.replace("Cargo.toml", "ureq = \"2\"", "ureq = \"3\"");
    workspace.run(&["new-plugin", "orders"]).succeeded();
}
