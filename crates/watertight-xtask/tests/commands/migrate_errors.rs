//! What `cargo xtask migrate` reports when something is wrong.

use insta::assert_snapshot;
use serde_json::Value;

use crate::shop::Shop;
use crate::test_workspace::Outcome;

#[test]
fn a_failed_migration_is_in_the_json_document() {
    let shop = Shop::new();
    shop.migration("auth", "2_bad", "SELECT nonsense");
    let ran = shop.run(&["migrate", "--json"]);
    assert_eq!(ran.code, Some(1));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["success"], false);
    assert_eq!(report["plugins"][0]["outcome"], "failed");
    assert_eq!(report["plugins"][0]["applied"][0]["name"], "1_users");
    assert_eq!(report["plugins"][1]["outcome"], "skipped");
    assert_eq!(report["plugins"][1]["reason"], "auth is not up to date");
}

#[test]
fn a_syntax_error_is_shown_with_line_and_column_and_applies_nothing() {
    let shop = Shop::new();
    let sql = "CREATE TABLE plugin_shop.first (id int);\n".to_owned()
        + &"-- a comment\n".repeat(38)
        + "ALTER TABEL plugin_shop.first ADD price int;\n";
    shop.migration("shop", "2_bad", &sql);
    assert_snapshot!(shop.failure(), @r#"
    error: failed to apply migration 2_bad of plugin `shop`: syntax error at or near "TABEL"
      --> plugins/shop/migrations/2_bad/up.sql:40:7
       |
    40 | ALTER TABEL plugin_shop.first ADD price int;
       |       ^^^^^
    hint: nothing of this migration was applied; fix the SQL and run it again
    ---
    auth: 1 migration applied
    shop: 1 migration applied; failed at 2_bad
    Applied 2 migrations; 1 is still pending.
    "#);
    assert_eq!(shop.tables(), 4);
    shop.migration("shop", "2_bad", "CREATE TABLE plugin_shop.first (id int)");
    shop.run(&["migrate"]).succeeded();
}

#[test]
fn an_error_without_a_position_is_shown_at_its_statement() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_bad",
        "CREATE TABLE plugin_shop.second (id int);\n\nCREATE TABLE plugin_shop.items (id int);\n",
    );
    assert_snapshot!(shop.failure(), @r#"
    error: failed to apply migration 2_bad of plugin `shop`: relation "items" already exists
     --> plugins/shop/migrations/2_bad/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.items (id int);
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    ---
    auth: 1 migration applied
    shop: 1 migration applied; failed at 2_bad
    Applied 2 migrations; 1 is still pending.
    "#);
    assert_eq!(shop.tables(), 4);
}

#[test]
fn invalid_plugins_and_folders_are_errors_before_any_sql_is_sent() {
    let shop = Shop::new();
    let metadata = "plugins/shop/src/plugin_metadata.rs";
    let good = shop.workspace.read(metadata);
    let with_metadata = |text: &str| {
        shop.workspace.write(metadata, text);
        let output = shop.run(&["migrate"]).failed();
        shop.workspace.write(metadata, &good);
        output
    };
    assert_snapshot!(with_metadata(&good.replace("&[\"auth\"]", "&[\"auht\"]")), @"
    error: failed to put the plugins in order: plugin `shop` depends on `auht`, which does not exist
    hint: add plugin `auht`, or remove it from `depends_on`
    ");
    let circle = "pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new(\"auth\").depends_on(&[\"shop\"]);\n";
    let auth = "plugins/auth/src/plugin_metadata.rs";
    let before = shop.workspace.read(auth);
    shop.workspace.write(auth, circle);
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"
    error: failed to put the plugins in order: `auth` depends on `shop` depends on `auth`
    hint: remove one of these from its `depends_on`
    ");
    shop.workspace.write(auth, &before);
    let wrong_id = with_metadata(&good.replace("\"shop\"", "\"My_Shop\""));
    assert!(
        wrong_id.contains("plugins/shop/src/plugin_metadata.rs:1"),
        "{wrong_id}"
    );
    assert!(wrong_id.contains("did you mean `my-shop`?"), "{wrong_id}");
    let no_rust = with_metadata("pub const {");
    assert!(
        no_rust.contains("plugins/shop/src/plugin_metadata.rs:1"),
        "{no_rust}"
    );

    shop.workspace.write(
        "plugins/shop/migrations/1_items/metadata.toml",
        "speed = 1\n",
    );
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"
    error: failed to read plugins/shop/migrations/1_items/metadata.toml:1 of plugin `shop`: `run_in_transaction` is missing
     --> plugins/shop/migrations/1_items/metadata.toml:1
      |
    1 | speed = 1
      |
    hint: write `run_in_transaction = true` or `run_in_transaction = false`
    ");
    std::fs::remove_dir_all(shop.workspace.path("plugins/shop/migrations")).unwrap();
    let no_folder = shop.run(&["migrate"]).failed();
    assert!(no_folder.contains("plugins/shop/migrations"), "{no_folder}");
    assert_eq!(shop.tables(), 0);
}

#[test]
fn connection_errors_do_not_show_the_password() {
    let shop = Shop::new();
    let output = |url: &str| {
        let mut command = shop.workspace.command(&["migrate"]);
        let output = Outcome::new(command.env("DATABASE_URL", url).output().unwrap()).failed();
        assert!(!output.contains("hidden"), "{output}");
        output
    };
    assert_snapshot!(output("postgres://me:hidden@127.0.0.1:1/shop"), @"
    error: failed to connect to postgres://me:***@127.0.0.1:1/shop: 127.0.0.1 port 1: Connection refused (os error 111)
    hint: start the server, or correct the host and port
    ");
    assert_snapshot!(output("mysql://me:hidden@127.0.0.1/shop"), @"
    error: failed to read DATABASE_URL in the environment: invalid database URL: its scheme `mysql://` is not `postgres://`
    hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    ");
    assert_snapshot!(output("postgres://me:hidden@127.0.0.1/shop?sslkey=a"), @"
    error: failed to read DATABASE_URL in the environment: invalid database URL: the parameter `sslkey` is not supported
    hint: remove it, and percent-encode special characters in the password
    ");

    shop.workspace.write(
        ".env",
        "PORT=3000\nDATABASE_URL=postgres://me:hidden pass@h/shop\n",
    );
    let mut command = shop.workspace.command(&["migrate"]);
    let broken = Outcome::new(command.env_remove("DATABASE_URL").output().unwrap()).failed();
    assert!(broken.contains(".env: line 2"), "{broken}");
    assert!(!broken.contains("hidden"), "{broken}");
}

#[test]
fn an_invalid_migration_of_another_plugin_is_ignored() {
    let shop = Shop::new();
    shop.workspace
        .write("plugins/shop/migrations/2_empty/down.sql", "SELECT 1");
    shop.run(&["migrate", "--plugin", "auth"]).succeeded();
    assert_eq!(shop.tables(), 2);
}

#[test]
fn an_unedited_migration_is_refused() {
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    shop.run(&["new-migration", "shop", "add_price"])
        .succeeded();
    let output = shop.failure();
    assert!(output.contains("it has no statement"), "{output}");
    let status = shop.run(&["migrate", "status"]).succeeded();
    assert!(status.contains("pending"), "{status}");
}

#[test]
fn the_summary_names_a_refused_migration() {
    let shop = Shop::new();
    shop.migration("shop", "2_begin", "BEGIN; SELECT 1; COMMIT;");
    let output = shop.failure();
    assert!(output.contains("shop: failed at 2_begin"), "{output}");
}

#[test]
fn embedded_migrations_require_a_server() {
    let shop = Shop::new();
    std::fs::remove_dir_all(shop.workspace.path("server")).unwrap();
    assert_snapshot!(shop.run(&["migrate", "--embedded"]).failed(), @"
    error: failed to run the embedded migrations: there is no server in server
    hint: run those in the plugins' folders, without `--embedded`
    ");
}
