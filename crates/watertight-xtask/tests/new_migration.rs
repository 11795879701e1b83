//! `new-migration` in a workspace.

mod common;

use std::fs;
use std::process::Stdio;

use common::{Ran, TestWorkspace};
use insta::assert_snapshot;

fn with_plugin() -> TestWorkspace {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("orders", "orders", "plugin-orders");
    workspace
}

fn migrations(workspace: &TestWorkspace) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(workspace.path("plugins/orders/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_migration_has_a_qualified_example_in_a_comment() {
    let workspace = with_plugin();
    let arguments = [
        "new-migration",
        "orders",
        "AddPrice",
        "--timestamp",
        "2026-01-01-000000",
    ];
    assert_snapshot!(workspace.run(&arguments).done(), @r"
    Wrote a migration of plugin `orders`:
      create plugins/orders/migrations/2026-01-01-000000_add_price/down.sql
      create plugins/orders/migrations/2026-01-01-000000_add_price/up.sql

    Next:
      write its SQL into up.sql, and what undoes it into down.sql
      cargo xtask migrate --plugin orders
    ");
    let folder = "plugins/orders/migrations/2026-01-01-000000_add_price";
    assert_snapshot!(workspace.read(&format!("{folder}/up.sql")), @r#"
    -- Add price.
    --
    -- Qualify every name with the schema, for example:
    --
    --   ALTER TABLE "plugin_orders"."items" ADD COLUMN "price" numeric;
    "#);
    assert_snapshot!(workspace.read(&format!("{folder}/down.sql")), @r#"
    -- Reverts up.sql, for example:
    --
    --   ALTER TABLE "plugin_orders"."items" DROP COLUMN "price";
    "#);
    assert!(!workspace.path(&format!("{folder}/metadata.toml")).exists());
}

#[test]
fn no_transaction_is_written_where_diesel_reads_it() {
    let workspace = with_plugin();
    workspace
        .run(&["new-migration", "orders", "index", "--no-transaction"])
        .done();
    let folder = format!("plugins/orders/migrations/{}", migrations(&workspace)[0]);
    assert_eq!(
        workspace.read(&format!("{folder}/metadata.toml")),
        "run_in_transaction = false\n"
    );
    assert!(
        workspace
            .read(&format!("{folder}/up.sql"))
            .contains("CONCURRENTLY")
    );
}

#[test]
fn versions_never_collide_and_always_sort_after_the_newest() {
    let workspace = with_plugin();
    let newest = "plugins/orders/migrations/2999-12-31-235959_far/up.sql";
    workspace.write(newest, "");
    let started: Vec<_> = (0..8)
        .map(|n| {
            let name = format!("n{n}");
            workspace
                .command(&["new-migration", "orders", &name])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut command in started {
        assert!(command.wait().unwrap().success());
    }
    let names = migrations(&workspace);
    let versions: Vec<&str> = names
        .iter()
        .map(|name| name.split('_').next().unwrap())
        .collect();
    assert_eq!(
        versions,
        [
            "2999-12-31-235959",
            "3000-01-01-000000",
            "3000-01-01-000001",
            "3000-01-01-000002",
            "3000-01-01-000003",
            "3000-01-01-000004",
            "3000-01-01-000005",
            "3000-01-01-000006",
            "3000-01-01-000007",
        ]
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let workspace = with_plugin();
    let before = workspace.tree();
    let arguments = ["new-migration", "orders", "x", "--dry-run"];
    assert!(workspace.run(&arguments).done().contains("_x/up.sql"));
    let json = workspace
        .run(&[&arguments[..], &["--json"]].concat())
        .done();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["status"], "planned");
    assert!(workspace.tree() == before);
}

#[test]
fn an_unknown_plugin_is_answered_with_those_that_exist() {
    let workspace = with_plugin();
    workspace.write_plugin("elsewhere", "auth", "plugin-auth");
    let before = workspace.tree();
    assert_snapshot!(workspace.run(&["new-migration", "order", "x"]).failed(), @"error: failed to find a plugin `order`; did you mean `orders`? There are: auth, orders");
    assert_snapshot!(workspace.run(&["new-migration", "zzz", "x"]).failed(), @"error: failed to find a plugin `zzz`; there are: auth, orders");
    // The folder's name is not the id.
    assert_snapshot!(workspace.run(&["new-migration", "elsewhere", "x"]).failed(), @"error: failed to find a plugin `elsewhere`; there are: auth, orders");
    assert!(workspace.tree() == before);
    let empty = TestWorkspace::new();
    assert_snapshot!(empty.run(&["new-migration", "orders", "x"]).failed(), @"error: failed to find a plugin `orders`: plugins has no plugins; make one with `cargo xtask new-plugin`");
}

#[test]
fn a_name_that_cannot_be_a_folder_is_wrong_usage() {
    let workspace = with_plugin();
    let message = workspace
        .run(&["new-migration", "orders", "../x"])
        .refused_as_wrong_usage();
    assert_snapshot!(message, @r#"
    error: invalid value '../x' for '<NAME>': failed to take "../x" as the migration's name: a name has only letters a to z, digits and underscores; use one like `add_price`

    For more information, try '--help'.
    "#);
}

#[test]
fn the_workspace_is_that_of_the_xtask_package_wherever_it_is_called() {
    let workspace = with_plugin();
    let elsewhere = TestWorkspace::new();
    let called = workspace
        .command(&["new-migration", "orders", "x"])
        .current_dir(elsewhere.root())
        .env("CARGO_MANIFEST_DIR", workspace.path("xtask"))
        .output();
    Ran::new(called.unwrap()).done();
    assert_eq!(migrations(&workspace).len(), 1);
}
