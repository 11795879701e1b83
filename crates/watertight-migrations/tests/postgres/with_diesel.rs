//! Diesel's own harness and Watertight's, on the same history.

use diesel_migrations::{
    EmbeddedMigrations, FileBasedMigrations, MigrationHarness, embed_migrations,
};
use watertight_diagnostics::ErrorReport;
use watertight_metadata::PluginMetadata;
use watertight_migrations::{Migrator, PluginHarness, PluginMigrations};

use crate::plugin_folders::{ONE, PluginFolders, applied, id};
use crate::test_database::{TestDatabase, execute, history, query_one, relation_exists};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
const SHOP: PluginMetadata = PluginMetadata::new("shop");

/// Each migration writes a line to a log table, which shows if one runs twice.
const LOGGED: [(&str, &str); 4] = [
    (
        "1_a/up.sql",
        "CREATE TABLE plugin_shop.log (line text); INSERT INTO plugin_shop.log VALUES ('1')",
    ),
    ("2_b/up.sql", "INSERT INTO plugin_shop.log VALUES ('2')"),
    ("3_c/up.sql", "INSERT INTO plugin_shop.log VALUES ('3')"),
    (
        "3_c/down.sql",
        "DELETE FROM plugin_shop.log WHERE line = '3'",
    ),
];
const LOG: &str = "SELECT string_agg(line, ' ' ORDER BY line) FROM plugin_shop.log";

#[test]
fn migrations_applied_by_diesel_are_not_run_again() {
    let plugins = PluginFolders::shop(&LOGGED);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE SCHEMA plugin_shop; SET search_path = plugin_shop",
    );
    let source = FileBasedMigrations::from_path(plugins.path().join("shop")).unwrap();
    connection.run_next_migration(source.clone()).unwrap();
    execute(connection, "SET search_path = public");
    assert_eq!(
        plugins.migrator().status(connection).unwrap()[0]
            .applied()
            .count(),
        1,
        "without Watertight's columns"
    );

    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert_eq!(applied(&report), ["2_b", "3_c"]);

    execute(connection, "SET search_path = plugin_shop");
    assert_eq!(
        connection
            .run_pending_migrations(source.clone())
            .unwrap()
            .len(),
        0
    );
    connection.revert_last_migration(source).unwrap();
    execute(connection, "RESET search_path");
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
    assert_eq!(query_one(connection, LOG), "1 2");
}

#[test]
fn diesel_continues_after_a_run() {
    let plugins = PluginFolders::shop(&LOGGED[..1]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write("shop", &LOGGED);
    let source = FileBasedMigrations::from_path(plugins.path().join("shop")).unwrap();
    execute(connection, "SET search_path = plugin_shop");
    assert_eq!(connection.run_pending_migrations(source).unwrap().len(), 2);
    execute(connection, "RESET search_path");
    assert!(
        plugins.migrator().status(connection).unwrap()[0]
            .pending()
            .next()
            .is_none()
    );
    plugins
        .migrator()
        .revert(connection, &id("shop"), ONE)
        .unwrap();
    assert_eq!(query_one(connection, LOG), "1 2");
}

#[test]
fn embedded_and_file_based_migrations_are_equal() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let embedded = Migrator::new(vec![PluginMigrations::new(SHOP, MIGRATIONS)]).unwrap();
    let folder = || PluginMigrations::from_folder(id("shop"), Vec::new(), "tests/migrations");
    let report = embedded.run(connection, &[]).unwrap();
    assert!(report.is_success(), "{report:?}");
    let status = Migrator::new(vec![folder()])
        .unwrap()
        .status(connection)
        .unwrap();
    assert_eq!(
        (status[0].applied().count(), status[0].drifted().count()),
        (3, 0)
    );
    assert_eq!(status, embedded.status(connection).unwrap());

    let error = embedded.revert(connection, &id("shop"), ONE).unwrap_err();
    insta::assert_snapshot!(ErrorReport::new(&error), @"
    error: failed to revert migration 2026-01-03-000000_fill_items of plugin `shop`: it has no down.sql
    hint: write one, or undo it with a new migration
    ");
}

#[test]
fn the_harness_runs_and_reverts_against_the_plugins_history() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let mut harness = PluginHarness::new(connection, *SHOP.id());
    assert_eq!(harness.pending_migrations(MIGRATIONS).unwrap().len(), 3);
    assert_eq!(harness.run_pending_migrations(MIGRATIONS).unwrap().len(), 3);
    assert!(!harness.has_pending_migration(MIGRATIONS).unwrap());
    assert!(
        harness.revert_last_migration(MIGRATIONS).is_err(),
        "it has no down.sql"
    );
    assert!(relation_exists(connection, "plugin_shop.items_length"));

    let migrator = Migrator::new(vec![PluginMigrations::new(SHOP, MIGRATIONS)]).unwrap();
    assert!(migrator.run(connection, &[]).unwrap().applied_count() == 0);
    execute(
        connection,
        "DELETE FROM plugin_shop.__diesel_schema_migrations WHERE version = '20260103000000'",
    );
    let mut harness = PluginHarness::new(connection, *SHOP.id());
    harness.revert_last_migration(MIGRATIONS).unwrap();
    assert!(!relation_exists(connection, "plugin_shop.items_length"));
    assert_eq!(history(connection, "plugin_shop"), ["20260101000000"]);
}
