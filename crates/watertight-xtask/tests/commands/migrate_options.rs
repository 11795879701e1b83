//! The options of `cargo xtask migrate`, and its settings in the workspace.

use std::process::Stdio;

use insta::assert_snapshot;

use crate::shop::{Shop, has_one_connection};

#[test]
fn a_lock_timeout_ends_the_wait_for_another_run() {
    if has_one_connection() {
        return;
    }
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    shop.migration("auth", "2_slow", "SELECT pg_sleep(600);");
    let mut slow = shop.command(&["migrate"]);
    let mut slow = slow.stderr(Stdio::null()).spawn().unwrap();
    shop.wait_until_it_sleeps(&mut slow);
    let ran = shop.run(&["migrate", "--lock-timeout", "0"]);
    assert_eq!(ran.code, Some(1));
    let error = "error: failed to apply migration 2_slow of plugin `auth`: process ";
    assert!(ran.stderr.contains(error), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("still holds the lock after 0 s"),
        "{}",
        ran.stderr
    );
    for command in ["revert", "redo"] {
        let arguments = ["migrate", command, "--plugin", "auth", "--lock-timeout=0"];
        let ran = shop.run(&arguments);
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.stderr.contains("still holds the lock after 0 s"),
            "{}",
            ran.stderr
        );
    }
    shop.count(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    slow.wait().unwrap();
}

/// Adds settings of migrations to the root manifest.
fn set(shop: &Shop, settings: &str) {
    let manifest = shop.workspace.read("Cargo.toml");
    let table = "[workspace.metadata.watertight.migrate]";
    shop.workspace
        .write("Cargo.toml", &format!("{manifest}\n{table}\n{settings}\n"));
}

#[test]
fn the_workspace_sets_the_lock_timeout_of_statements() {
    for (setting, expected) in [("\"250ms\"", "250ms"), ("\"none\"", "0"), ("0", "0")] {
        let shop = Shop::new();
        let seen =
            "CREATE TABLE plugin_shop.seen AS SELECT current_setting('lock_timeout') AS value;";
        shop.migration("shop", "2_seen", seen);
        set(&shop, &format!("statement_lock_timeout = {setting}"));
        shop.run(&["migrate"]).succeeded();
        let matching = format!("SELECT count(*) FROM plugin_shop.seen WHERE value = '{expected}'");
        assert_eq!(shop.count(&matching), 1, "{setting}");
    }
}

/// Creates a workspace whose plugin `auth` has a migration that is out of order, with these settings.
fn out_of_order(settings: &str) -> Shop {
    let shop = Shop::new();
    shop.migration("auth", "3_new", r#"CREATE TABLE "plugin_auth"."new" ();"#);
    shop.run(&["migrate"]).succeeded();
    shop.migration("auth", "2_late", r#"CREATE TABLE "plugin_auth"."late" ();"#);
    set(&shop, settings);
    shop
}

#[test]
fn the_workspace_decides_whether_a_migration_may_be_out_of_order_or_ahead() {
    let shop = out_of_order("out_of_order = \"deny\"");
    assert_snapshot!(shop.run(&["migrate"]).failed(), @r#"
    error: failed to run migrations: 2_late of plugin `auth` is out of order: a newer one is applied
    hint: nothing was applied; give pending migrations newer versions than the applied ones, or set `out_of_order = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
    assert_snapshot!(shop.run(&["migrate", "--dry-run"]).failed(), @r#"
    error: failed to run migrations: 2_late of plugin `auth` is out of order: a newer one is applied
    hint: nothing was applied; give pending migrations newer versions than the applied ones, or set `out_of_order = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
    let shop = out_of_order("out_of_order = \"allow\"");
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"
    auth: 1 migration applied
    Applied 1 migration; 2 plugins up to date.
    ");
    let shop = out_of_order("ahead = \"deny\"");
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"
    auth: 1 migration applied; 2_late was out of order
    Applied 1 migration; 2 plugins up to date.
    ");
    std::fs::remove_dir_all(shop.workspace.path("plugins/auth/migrations/3_new")).unwrap();
    assert_snapshot!(shop.run(&["migrate"]).failed(), @r#"
    error: failed to run migrations: 3_new of plugin `auth` is ahead: it is applied, but not in the code
    hint: nothing was applied; use code that has all applied migrations, or set `ahead = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
}

#[test]
fn invalid_settings_are_named() {
    let error = |settings| {
        let shop = out_of_order(settings);
        let error = shop.run(&["migrate"]).failed();
        error.replace(shop.workspace.root().to_str().unwrap(), "[root]")
    };
    assert_snapshot!(error("ahead = \"no\""), @r#"
    error: failed to read [root]/Cargo.toml: `ahead` in `[workspace.metadata.watertight.migrate]` is not a policy
    hint: write "allow", "warn" or "deny"
    "#);
    assert_snapshot!(error("statement_lock_timeout = 5"), @r#"
    error: failed to read [root]/Cargo.toml: `statement_lock_timeout` in `[workspace.metadata.watertight.migrate]` is not a duration
    hint: write it like "500ms", "5s", "1min" or "none"
    "#);
    assert_snapshot!(error("order = \"deny\""), @"
    error: failed to read [root]/Cargo.toml: `[workspace.metadata.watertight.migrate]` has an unknown key `order`
    hint: valid keys are `ahead`, `out_of_order` and `statement_lock_timeout`
    ");
}
