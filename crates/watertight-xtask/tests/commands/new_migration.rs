//! `cargo xtask new-migration`.

use std::fs;
use std::process::Stdio;

use diesel::connection::SimpleConnection as _;
use insta::assert_snapshot;

use crate::shop::Shop;
use crate::test_workspace::{Outcome, TestWorkspace};

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
fn a_new_migration_has_a_qualified_example_in_a_comment() {
    let workspace = with_plugin();
    let arguments = [
        "new-migration",
        "orders",
        "AddPrice",
        "--timestamp",
        "2026-01-01-000000",
    ];
    assert_snapshot!(workspace.run(&arguments).succeeded(), @"
    Wrote a migration of plugin `orders`:
      create plugins/orders/migrations/2026-01-01-000000_add_price/down.sql
      create plugins/orders/migrations/2026-01-01-000000_add_price/up.sql

    Next:
      write the SQL into up.sql, and the SQL that reverts it into down.sql
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
fn no_transaction_is_written_to_metadata_toml() {
    let workspace = with_plugin();
    workspace
        .run(&["new-migration", "orders", "index", "--no-transaction"])
        .succeeded();
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
fn the_example_outside_a_transaction_replaces_the_invalid_index_of_an_interrupted_run() {
    let shop = Shop::with_items();
    shop.run(&["migrate"]).succeeded();
    shop.run(&["new-migration", "shop", "index", "--no-transaction"])
        .succeeded();
    let folder = shop.workspace.path("plugins/shop/migrations");
    let newest = fs::read_dir(folder).unwrap();
    let newest = newest.map(|entry| entry.unwrap().path()).max().unwrap();
    let up = fs::read_to_string(newest.join("up.sql")).unwrap();
    let (_, example) = up
        .split_once("So drop it first, for example:\n--\n")
        .unwrap();
    fs::write(newest.join("up.sql"), example.replace("--   ", "")).unwrap();

    let connection = &mut shop.database.connect();
    let rows = "INSERT INTO plugin_shop.items (name) VALUES ('a'), ('a')";
    connection.batch_execute(rows).unwrap();
    let fails = "CREATE UNIQUE INDEX CONCURRENTLY items_name_idx ON plugin_shop.items (name)";
    connection.batch_execute(fails).unwrap_err();
    let valid = "SELECT count(*) FROM pg_index WHERE indisvalid \
                 AND indexrelid = 'plugin_shop.items_name_idx'::regclass";
    assert_eq!(shop.count(valid), 0);
    shop.run(&["migrate", "--no-schema"]).succeeded();
    assert_eq!(shop.count(valid), 1);
}

#[test]
fn versions_are_unique_and_sort_after_the_newest() {
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
    assert!(workspace.run(&arguments).succeeded().contains("_x/up.sql"));
    let json = workspace
        .run(&[&arguments[..], &["--json"]].concat())
        .succeeded();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["status"], "planned");
    assert!(workspace.tree() == before);
}

#[test]
fn the_hint_for_an_unknown_plugin_lists_the_others() {
    let workspace = with_plugin();
    workspace.write_plugin("elsewhere", "auth", "plugin-auth");
    let before = workspace.tree();
    assert_snapshot!(workspace.run(&["new-migration", "order", "x"]).failed(), @"
    error: failed to find a plugin `order`
    hint: did you mean `orders`? The plugins are: auth, orders
    ");
    assert_snapshot!(workspace.run(&["new-migration", "zzz", "x"]).failed(), @"
    error: failed to find a plugin `zzz`
    hint: the plugins are: auth, orders
    ");
    // The folder's name is not the id.
    assert_snapshot!(workspace.run(&["new-migration", "elsewhere", "x"]).failed(), @"
    error: failed to find a plugin `elsewhere`
    hint: the plugins are: auth, orders
    ");
    assert!(workspace.tree() == before);
    let empty = TestWorkspace::new();
    assert_snapshot!(empty.run(&["new-migration", "orders", "x"]).failed(), @"
    error: failed to find a plugin `orders`: plugins has no plugins
    hint: create one with `cargo xtask new-plugin`
    ");
}

#[test]
fn a_name_that_cannot_be_a_folder_is_a_usage_error() {
    let workspace = with_plugin();
    let message = workspace
        .run(&["new-migration", "orders", "../x"])
        .usage_error();
    assert_snapshot!(message, @r#"
    error: invalid value '../x' for '<NAME>': "../x" is not a valid migration name: a name consists of the letters a to z, digits and underscores
    hint: use a name like `add_price`

    For more information, try '--help'.
    "#);
}

#[test]
fn the_workspace_is_that_of_the_xtask_package() {
    let workspace = with_plugin();
    let elsewhere = TestWorkspace::new();
    let called = workspace
        .command(&["new-migration", "orders", "x"])
        .current_dir(elsewhere.root())
        .env("CARGO_MANIFEST_DIR", workspace.path("xtask"))
        .output();
    Outcome::new(called.unwrap()).succeeded();
    assert_eq!(migrations(&workspace).len(), 1);
}
