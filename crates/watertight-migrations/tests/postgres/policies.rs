//! What a run does with migrations that are ahead or out of order.

use watertight_diagnostics::ErrorReport;
use watertight_migrations::Policy;

use crate::plugin_folders::{PluginFolders, applied};
use crate::test_database::{Connection, TestDatabase, execute, history};

/// Creates a plugin with a migration that is out of order, and a history that is ahead.
fn in_disorder(connection: &mut Connection) -> PluginFolders {
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    plugins.write("shop", &[("2_b/up.sql", "SELECT 1")]);
    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write("shop", &[("1_a/up.sql", "SELECT 1")]);
    plugins.write("other", &[("1_x/up.sql", "SELECT 1")]);
    execute(
        connection,
        "INSERT INTO plugin_shop.__diesel_schema_migrations (version, name) VALUES ('8', '8_h'), ('9', NULL)",
    );
    plugins
}

#[test]
fn what_is_ahead_or_out_of_order_is_a_warning_by_default() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let plugins = in_disorder(connection);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert_eq!(applied(&report), ["1_a", "1_x"]);
    insta::assert_snapshot!(report, @"
    shop: 1 migration applied; the history is ahead of the code by 8, 9; 1_a was out of order
    other: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
    assert_eq!(
        report.to_json()["plugins"][0]["warnings"],
        serde_json::json!([
            "the history is ahead of the code by 8, 9",
            "1_a was out of order"
        ])
    );
    assert_eq!(history(connection, "plugin_shop"), ["1", "2", "8", "9"]);
}

#[test]
fn what_is_allowed_is_no_warning() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let plugins = in_disorder(connection);
    let migrator = plugins
        .migrator()
        .ahead(Policy::Allow)
        .out_of_order(Policy::Allow);
    let report = migrator.run(connection, &[]).unwrap();
    insta::assert_snapshot!(report, @"
    shop: 1 migration applied
    other: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
    assert_eq!(report.plugins[0].ahead, ["8", "9"]);
    assert!(report.plugins[0].applied[0].out_of_order);
}

#[test]
fn what_is_denied_stops_the_run_of_all_plugins_before_anything_is_applied() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let plugins = in_disorder(connection);
    let denied = |connection: &mut Connection, ahead, out_of_order| {
        let migrator = plugins.migrator().ahead(ahead).out_of_order(out_of_order);
        let planned = migrator.plan(connection, &[]).unwrap_err();
        let error = migrator.run(connection, &[]).unwrap_err();
        assert_eq!(planned.to_string(), error.to_string());
        ErrorReport::new(&error).to_string()
    };
    insta::assert_snapshot!(denied(connection, Policy::Deny, Policy::Warn), @r#"
    error: failed to run migrations: 2 migrations are ahead or out of order:
      8_h of plugin `shop` is ahead: it is applied, but not in the code
      version 9 of plugin `shop` is ahead: it is applied, but not in the code
    hint: nothing was applied; use code that has all applied migrations, or set `ahead = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
    insta::assert_snapshot!(denied(connection, Policy::Warn, Policy::Deny), @r#"
    error: failed to run migrations: 1_a of plugin `shop` is out of order: a newer one is applied
    hint: nothing was applied; give pending migrations newer versions than the applied ones, or set `out_of_order = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
    insta::assert_snapshot!(denied(connection, Policy::Deny, Policy::Deny), @r#"
    error: failed to run migrations: 3 migrations are ahead or out of order:
      1_a of plugin `shop` is out of order: a newer one is applied
      8_h of plugin `shop` is ahead: it is applied, but not in the code
      version 9 of plugin `shop` is ahead: it is applied, but not in the code
    hint: nothing was applied; use code that has all applied migrations, or set `ahead = "warn"` in `[workspace.metadata.watertight.migrate]`; give pending migrations newer versions than the applied ones, or set `out_of_order = "warn"` in `[workspace.metadata.watertight.migrate]`
    "#);
    assert_eq!(history(connection, "plugin_other"), [""; 0]);
    assert_eq!(history(connection, "plugin_shop"), ["2", "8", "9"]);
}
