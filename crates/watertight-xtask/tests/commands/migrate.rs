//! `cargo xtask migrate` and its `status`.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::shop::Shop;
use crate::test_workspace::Outcome;

#[test]
fn all_plugins_are_migrated_once() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @r"
    auth: 1 migration applied
    shop: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"Nothing to do: 2 plugins up to date.");
}

#[test]
fn a_plugin_is_migrated_with_its_dependencies_only() {
    let shop = Shop::new();
    shop.run(&["migrate", "--plugin", "auth"]).succeeded();
    assert_eq!(shop.tables(), 2);
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shop"]).succeeded(), @r"
    shop: 1 migration applied
    Applied 1 migration; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shpo"]).failed(), @"
    error: failed to find a plugin `shpo`
    hint: did you mean `shop`? The plugins are: auth, shop
    ");
}

#[test]
fn a_dry_run_prints_the_sql_and_changes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "--dry-run", "--plugin", "auth"]).succeeded(), @r#"
    -- A script for psql. It stops at the first error.
    \set ON_ERROR_STOP on
    \set ON_ERROR_ROLLBACK off
    \set AUTOCOMMIT on
    \set SINGLELINE off
    \encoding UTF8
    -- As on the connections of a run.
    SET TIME ZONE 'UTC';

    -- schemas and histories
    BEGIN;
    DO 'BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock(-5702140943802212271) THEN
    RAISE EXCEPTION USING MESSAGE = ''another run is creating schemas and histories'', HINT = ''run the script again when the other run has ended'';
    END IF;
    END';
    CREATE SCHEMA IF NOT EXISTS "plugin_auth";
    CREATE TABLE IF NOT EXISTS "plugin_auth"."__diesel_schema_migrations" ("version" varchar(50) PRIMARY KEY NOT NULL, "run_on" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "checksum" pg_catalog.text, "name" pg_catalog.text);
    COMMIT;

    -- auth 1_users
    BEGIN ISOLATION LEVEL READ COMMITTED;
    DO 'BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock(-5339819963926176124) THEN
    RAISE EXCEPTION USING MESSAGE = ''another run is migrating plugin `auth`'', HINT = ''run the script again when the other run has ended'';
    END IF;
    IF EXISTS (SELECT FROM "plugin_auth"."__diesel_schema_migrations" WHERE "version" = ''1'') THEN
    RAISE EXCEPTION USING MESSAGE = ''migration 1_users of plugin `auth` is already applied'', HINT = ''write a new script with `cargo xtask migrate --dry-run`'';
    END IF;
    END';
    CREATE TABLE "plugin_auth"."users" (id int);
    INSERT INTO "plugin_auth"."__diesel_schema_migrations" ("version", "checksum", "name") VALUES ('1', '6537633cc172deb47d31f848c7c1a432fe746cdec64598ea182b85788e56f7ab', '1_users');
    COMMIT;
    "#);
    assert_eq!(shop.tables(), 0);
    let document = shop.run(&["migrate", "--dry-run", "--json"]).succeeded();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["migrations"][1]["name"], "1_items");
    shop.run(&["migrate"]).succeeded();
    assert_snapshot!(shop.run(&["migrate", "--dry-run"]).succeeded(), @"-- Nothing to do: all plugins are up to date.");
}

#[test]
fn status_lists_migrations_by_state_and_writes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "status"]).succeeded(), @r"
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
    shop.run(&["migrate"]).succeeded();
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
    assert_snapshot!(shop.run(&["migrate", "status"]).succeeded(), @"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        2        1      1
    shop    plugin_shop        1        0      0

    auth    out of order  2_between  older than an applied migration
    auth    drifted       3_notes  modified since it was applied
    auth    ahead         4_later  applied, but not in the code
    ");
    let status: Value =
        serde_json::from_str(&shop.run(&["migrate", "status", "--json"]).succeeded()).unwrap();
    assert_eq!(
        status["plugins"][0]["migrations"][1]["state"],
        "out-of-order"
    );
}

#[test]
fn concurrent_runs_apply_each_migration_once() {
    if crate::shop::has_one_connection() {
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
fn a_killed_run_applies_no_half_migration_and_the_next_run_continues() {
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
    shop.run(&["migrate"]).succeeded();
    assert_eq!(shop.count("SELECT count(*) FROM plugin_shop.slow"), 0);
    let applied = "SELECT count(*) FROM plugin_shop.__diesel_schema_migrations";
    assert_eq!(shop.count(applied), 2);
}

#[test]
fn ctrl_c_rolls_the_running_migration_back() {
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
    let ran = Outcome::new(run.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("interrupted: the running migration was rolled back"),
        "{}",
        ran.stderr
    );
    if !crate::shop::has_one_connection() {
        assert_eq!(shop.sleeping(), 0);
    }
    assert_eq!(shop.tables(), 4);
}

#[test]
fn a_modified_migration_is_reported() {
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    shop.migration(
        "auth",
        "1_users",
        r#"CREATE TABLE "plugin_auth"."users" (id bigint);"#,
    );
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"
    auth: 1_users was modified since it was applied
    Nothing to do: 2 plugins up to date.
    ");
}

#[test]
fn new_plugin_can_migrate_afterwards() {
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
        .succeeded();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["status"], "written");
    assert_eq!(document["migrated"]["success"], true);
    assert_eq!(shop.count("SELECT count(*) FROM plugin_orders.items"), 0);
    let mut command = shop
        .workspace
        .command(&["new-plugin", "later", "--migrate"]);
    let down = Outcome::new(
        command
            .env("DATABASE_URL", "postgres://me@127.0.0.1:1/shop")
            .output()
            .unwrap(),
    );
    assert_eq!(down.code, Some(1));
    assert!(
        down.stderr.contains(
            "failed to migrate after plugin `later` was written: failed to open a connection: "
        ),
        "{}",
        down.stderr
    );
    assert!(
        down.stderr.ends_with(
            "hint: start the server, or correct the host and port; then run `cargo xtask migrate`\n"
        ),
        "{}",
        down.stderr
    );
    shop.run(&["new-plugin", "other", "--migrate", "--dry-run"])
        .usage_error();
}

#[test]
fn on_a_terminal_a_plugin_has_one_line_and_states_have_colour() {
    let shop = Shop::new();
    shop.migration("auth", "2_names", "SELECT 1;");
    let run = |arguments: &[&str]| {
        let mut terminal = shop.command_on_terminal(arguments);
        // `script` would wait for the end of the test's own input.
        let output = terminal.stdin(Stdio::null()).output().unwrap();
        Outcome::new(output).succeeded()
    };
    let status = run(&["migrate", "status"]);
    assert!(status.contains("\x1b[33mpending\x1b[0m"), "{status:?}");
    let migrated = run(&["migrate"]);
    assert!(!migrated.contains(" applied in "), "{migrated:?}");
    assert!(
        migrated.contains("auth: 2 migrations applied"),
        "{migrated:?}"
    );
    let last = migrated.trim_end().lines().last().unwrap();
    assert_eq!(last, "Applied 3 migrations; 2 plugins up to date.");
}
