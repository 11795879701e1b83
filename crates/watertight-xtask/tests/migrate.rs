//! `cargo xtask migrate`, on a real PostgreSQL server, with plugins that nobody has compiled.

mod common;

use std::process::{Command, Stdio};

use common::Ran;
use common::shop::Shop;
use insta::assert_snapshot;
use serde_json::Value;

#[test]
fn all_plugins_are_migrated_once() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate"]).done(), @r"
    auth: 1 migration applied
    shop: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate"]).done(), @"Nothing to do: 2 plugins up to date.");
}

#[test]
fn a_plugin_is_migrated_with_those_that_it_depends_on_and_no_others() {
    let shop = Shop::new();
    shop.run(&["migrate", "--plugin", "auth"]).done();
    assert_eq!(shop.tables(), 2);
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shop"]).done(), @r"
    shop: 1 migration applied
    Applied 1 migration; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shpo"]).failed(), @"error: failed to find a plugin `shpo`; did you mean `shop`? There are: auth, shop");
}

#[test]
fn a_dry_run_prints_the_sql_and_changes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "--dry-run", "--plugin", "auth"]).done(), @r#"
    -- schemas and histories
    CREATE SCHEMA IF NOT EXISTS "plugin_auth";
    CREATE TABLE IF NOT EXISTS "plugin_auth"."__diesel_schema_migrations" ("version" varchar(50) PRIMARY KEY NOT NULL, "run_on" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "checksum" pg_catalog.text, "name" pg_catalog.text);

    -- auth 1_users
    CREATE TABLE "plugin_auth"."users" (id int);
    "#);
    assert_eq!(shop.tables(), 0);
    let document = shop.run(&["migrate", "--dry-run", "--json"]).done();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["migrations"][1]["name"], "1_items");
    shop.run(&["migrate"]).done();
    assert_snapshot!(shop.run(&["migrate", "--dry-run"]).done(), @"-- Nothing to do: every plugin is up to date.");
}

#[test]
fn json_is_alone_on_stdout_also_when_a_migration_fails() {
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
fn status_tells_applied_pending_drifted_ahead_and_out_of_order_and_writes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "status"]).done(), @r"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        0        1      0
    shop    plugin_shop        0        1      0

    auth    pending       1_users
    shop    pending       1_items
    ");
    assert_eq!(shop.tables(), 0);

    shop.migration(
        "auth",
        "3_notes",
        r#"CREATE TABLE "plugin_auth"."notes" (id int);"#,
    );
    shop.migration(
        "auth",
        "4_later",
        r#"CREATE TABLE "plugin_auth"."later" (id int);"#,
    );
    shop.run(&["migrate"]).done();
    shop.migration(
        "auth",
        "3_notes",
        r#"CREATE TABLE "plugin_auth"."notes" (id bigint);"#,
    );
    shop.migration(
        "auth",
        "2_between",
        r#"CREATE TABLE "plugin_auth"."between" (id int);"#,
    );
    std::fs::remove_dir_all(shop.workspace.path("plugins/auth/migrations/4_later")).unwrap();
    assert_snapshot!(shop.run(&["migrate", "status"]).done(), @r"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        2        1      1
    shop    plugin_shop        1        0      0

    auth    out of order  2_between  older than one that is applied
    auth    drifted       3_notes  its SQL was another when it was applied
    auth    ahead         4_later  applied, but not in the code
    ");
    let status: Value =
        serde_json::from_str(&shop.run(&["migrate", "status", "--json"]).done()).unwrap();
    assert_eq!(
        status["plugins"][0]["migrations"][1]["state"],
        "out-of-order"
    );
}

#[test]
fn migrations_are_reverted_newest_first_and_redone() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_prices",
        r#"CREATE TABLE "plugin_shop"."prices" (id int);"#,
    );
    shop.run(&["migrate"]).done();
    assert_snapshot!(shop.run(&["migrate", "redo", "--plugin", "shop"]).done(), @"Reverted 2_prices of plugin `shop` and ran it again.");
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).done(), @"Reverted 1 migration of plugin `shop`.");
    assert_eq!(shop.tables(), 4);
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop", "--steps", "9"]).done(), @"Reverted 1 migration of plugin `shop`.");
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).done(), @"Nothing to do: no migration of plugin `shop` is applied.");
    assert_snapshot!(shop.run(&["migrate", "redo", "--plugin", "shop"]).failed(), @"error: failed to redo a migration of plugin shop: none is applied; run its migrations first");
    shop.run(&["migrate", "revert", "--plugin", "shop", "--steps", "0"])
        .refused_as_wrong_usage();
}

#[test]
fn a_migration_without_down_sql_is_not_reverted() {
    let shop = Shop::new();
    shop.run(&["migrate"]).done();
    std::fs::remove_file(
        shop.workspace
            .path("plugins/shop/migrations/1_items/down.sql"),
    )
    .unwrap();
    assert_snapshot!(shop.run(&["migrate", "revert", "--plugin", "shop"]).failed(), @"error: failed to revert migration 1_items of plugin shop: it has no down.sql; write one, or undo it with a new migration");
    assert_eq!(shop.tables(), 4);
}

#[test]
fn a_syntax_error_on_line_40_is_shown_with_its_column_and_leaves_no_trace() {
    let shop = Shop::new();
    let sql = "CREATE TABLE plugin_shop.first (id int);\n".to_owned()
        + &"-- a comment\n".repeat(38)
        + "ALTER TABEL plugin_shop.first ADD price int;\n";
    shop.migration("shop", "2_bad", &sql);
    assert_snapshot!(shop.failure(), @r#"
    error: failed to run migration 2_bad of plugin shop
      --> plugins/shop/migrations/2_bad/up.sql:40:7
       |
    40 | ALTER TABEL plugin_shop.first ADD price int;
       |       ^
    ERROR: syntax error at or near "TABEL"
    nothing of this migration was applied; mend the SQL and run it again
    ---
    auth: 1 migration applied
    shop: 1 migration applied; failed at 2_bad
    Applied 2 migrations; 1 is still pending.
    "#);
    assert_eq!(shop.tables(), 4);
    shop.migration("shop", "2_bad", "CREATE TABLE plugin_shop.first (id int)");
    shop.run(&["migrate"]).done();
}

#[test]
fn an_error_without_a_position_is_found_by_its_statement() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_bad",
        "CREATE TABLE plugin_shop.second (id int);\n\nCREATE TABLE plugin_shop.items (id int);\n",
    );
    assert_snapshot!(shop.failure(), @r#"
    error: failed to run migration 2_bad of plugin shop
     --> plugins/shop/migrations/2_bad/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.items (id int);
      |
    ERROR: relation "items" already exists
    nothing of this migration was applied; mend the SQL and run it again
    ---
    auth: 1 migration applied
    shop: 1 migration applied; failed at 2_bad
    Applied 2 migrations; 1 is still pending.
    "#);
    assert_eq!(shop.tables(), 4);
}

#[test]
fn bad_plugins_and_folders_are_errors_before_anything_is_sent() {
    let shop = Shop::new();
    let metadata = "plugins/shop/src/plugin_metadata.rs";
    let good = shop.workspace.read(metadata);
    let with_metadata = |text: &str| {
        shop.workspace.write(metadata, text);
        let said = shop.run(&["migrate"]).failed();
        shop.workspace.write(metadata, &good);
        said
    };
    assert_snapshot!(with_metadata(&good.replace("&[\"auth\"]", "&[\"auht\"]")), @"error: failed to put the plugins in order: plugin `shop` depends on `auht`, which is not there; add that plugin or take it out of `depends_on`");
    let circle = "pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new(\"auth\").depends_on(&[\"shop\"]);\n";
    let auth = "plugins/auth/src/plugin_metadata.rs";
    let before = shop.workspace.read(auth);
    shop.workspace.write(auth, circle);
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"error: failed to put the plugins in order: `auth` depends on `shop` depends on `auth`; take one of these out of its `depends_on`");
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
    assert_snapshot!(shop.run(&["migrate"]).failed(), @"error: failed to read plugins/shop/migrations/1_items/metadata.toml:1: `run_in_transaction` is missing; write `run_in_transaction = true` or `run_in_transaction = false`");
    std::fs::remove_dir_all(shop.workspace.path("plugins/shop/migrations")).unwrap();
    let no_folder = shop.run(&["migrate"]).failed();
    assert!(no_folder.contains("plugins/shop/migrations"), "{no_folder}");
    assert_eq!(shop.tables(), 0);
}

#[test]
fn a_database_that_cannot_be_used_is_an_error_without_the_password() {
    let shop = Shop::new();
    let said = |url: &str| {
        let mut command = shop.workspace.command(&["migrate"]);
        let said = Ran::new(command.env("DATABASE_URL", url).output().unwrap()).failed();
        assert!(!said.contains("hidden"), "{said}");
        said
    };
    assert_snapshot!(said("postgres://me:hidden@127.0.0.1:1/shop"), @"error: failed to connect to postgres://me:***@127.0.0.1:1/shop: 127.0.0.1 port 1: Connection refused (os error 111); start the server, or correct the host and port");
    assert_snapshot!(said("mysql://me:hidden@127.0.0.1/shop"), @"error: failed to read the database URL: its scheme `mysql://` is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE (it is DATABASE_URL in the environment)");
    assert_snapshot!(said("postgres://me:hidden@127.0.0.1/shop?sslkey=a"), @"error: failed to read the database URL: the parameter `sslkey` is not supported; remove it, and percent-encode special characters in a password (it is DATABASE_URL in the environment)");

    shop.workspace.write(
        ".env",
        "PORT=3000\nDATABASE_URL=postgres://me:hidden pass@h/shop\n",
    );
    let mut command = shop.workspace.command(&["migrate"]);
    let broken = Ran::new(command.env_remove("DATABASE_URL").output().unwrap()).failed();
    assert!(broken.contains(".env: line 2"), "{broken}");
    assert!(!broken.contains("hidden"), "{broken}");
}

#[test]
fn two_runs_at_once_both_succeed_and_apply_each_migration_once() {
    if common::shop::has_one_connection() {
        return;
    }
    let shop = Shop::new();
    for number in 2..12 {
        let table = format!("{number}_t{number}");
        let up = format!("SELECT pg_sleep(0.02); CREATE TABLE plugin_shop.t{number} (id int);");
        shop.migration("shop", &table, &up);
    }
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let mut command = shop.command(&["migrate"]);
            command.stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let applied = "SELECT count(*) FROM plugin_shop.__diesel_schema_migrations";
    assert_eq!(shop.count(applied), 11);
}

#[test]
fn a_run_that_is_killed_leaves_a_migration_applied_or_not_and_the_next_run_goes_on() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_slow",
        "CREATE TABLE plugin_shop.slow (id int); SELECT pg_sleep(5);",
    );
    let mut run = shop.command(&["migrate"]).spawn().unwrap();
    shop.wait_until_it_sleeps(&mut run);
    run.kill().unwrap();
    run.wait().unwrap();
    shop.run(&["migrate"]).done();
    assert_eq!(shop.count("SELECT count(*) FROM plugin_shop.slow"), 0);
    let applied = "SELECT count(*) FROM plugin_shop.__diesel_schema_migrations";
    assert_eq!(shop.count(applied), 2);
}

#[test]
fn ctrl_c_ends_the_migration_that_runs_and_says_so() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_slow",
        "CREATE TABLE plugin_shop.slow (id int); SELECT pg_sleep(600);",
    );
    let mut command = shop.command(&["migrate"]);
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shop.wait_until_it_sleeps(&mut run);
    let sent = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let ran = Ran::new(run.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("interrupted: what was running was rolled back"),
        "{}",
        ran.stderr
    );
    if !common::shop::has_one_connection() {
        assert_eq!(shop.sleeping(), 0);
    }
    assert_eq!(shop.tables(), 4);
}

#[test]
fn what_is_wrong_with_another_plugin_does_not_stop_the_named_one() {
    let shop = Shop::new();
    shop.workspace
        .write("plugins/shop/migrations/2_empty/down.sql", "SELECT 1");
    shop.run(&["migrate", "--plugin", "auth"]).done();
    assert_eq!(shop.tables(), 2);
}

#[test]
fn a_migration_that_is_still_its_template_is_refused() {
    let shop = Shop::new();
    shop.run(&["migrate"]).done();
    shop.run(&["new-migration", "shop", "add_price"]).done();
    let said = shop.failure();
    assert!(said.contains("it has no statement yet"), "{said}");
    let status = shop.run(&["migrate", "status"]).done();
    assert!(status.contains("pending"), "{status}");
}

#[test]
fn a_migration_that_was_changed_after_it_was_applied_is_mentioned() {
    let shop = Shop::new();
    shop.run(&["migrate"]).done();
    shop.migration(
        "auth",
        "1_users",
        r#"CREATE TABLE "plugin_auth"."users" (id bigint);"#,
    );
    assert_snapshot!(shop.run(&["migrate"]).done(), @r"
    auth: 1_users was changed after it was applied
    Nothing to do: 2 plugins up to date.
    ");
}

#[test]
fn the_summary_names_the_migration_that_is_refused() {
    let shop = Shop::new();
    shop.migration("shop", "2_begin", "BEGIN; SELECT 1; COMMIT;");
    let said = shop.failure();
    assert!(said.contains("shop: failed at 2_begin"), "{said}");
}

#[test]
fn new_plugin_migrates_at_once_when_asked_to() {
    let shop = Shop::new();
    let document = shop
        .run(&[
            "new-plugin",
            "orders",
            "--migrate",
            "--json",
            "--timestamp",
            "2026-01-01-000000",
        ])
        .done();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["status"], "written");
    assert_eq!(document["migrated"]["success"], true);
    assert_eq!(shop.count("SELECT count(*) FROM plugin_orders.items"), 0);
    let mut command = shop
        .workspace
        .command(&["new-plugin", "later", "--migrate"]);
    let down = Ran::new(
        command
            .env("DATABASE_URL", "postgres://me@127.0.0.1:1/shop")
            .output()
            .unwrap(),
    );
    assert_eq!(down.code, Some(1));
    assert!(
        down.stderr
            .contains("plugin `later` is written; run `cargo xtask migrate`"),
        "{}",
        down.stderr
    );
    shop.run(&["new-plugin", "other", "--migrate", "--dry-run"])
        .refused_as_wrong_usage();
}

#[test]
fn embedded_migrations_need_a_server() {
    let shop = Shop::new();
    std::fs::remove_dir_all(shop.workspace.path("server")).unwrap();
    assert_snapshot!(shop.run(&["migrate", "--embedded"]).failed(), @"error: failed to run the embedded migrations: there is no server in server; leave `--embedded` out to run those in the folders");
}
