//! Applied migrations that were modified or renumbered, and what a person may change in a history.

use watertight_diagnostics::{Diagnostic, ErrorReport};
use watertight_migrations::{MigrateError, Migrator, RepairReason};

use crate::plugin_folders::{ONE, PluginFolders, applied, id};
use crate::test_database::{
    Connection, TestDatabase, execute, history, query_all, query_one, relation_exists,
};

const A: &str = "CREATE TABLE plugin_shop.a (id int)";
const B: &str = "CREATE TABLE plugin_shop.b (id int)";

/// Returns the version, checksum and name of each row.
fn rows(connection: &mut Connection) -> Vec<String> {
    query_all(
        connection,
        "SELECT concat_ws(' ', version, left(checksum, 8), name) FROM plugin_shop.__diesel_schema_migrations \
         ORDER BY version",
    )
}

fn repair(migrator: &Migrator, connection: &mut Connection) -> Vec<String> {
    let repair = migrator.plan_repair(connection, &id("shop")).unwrap();
    migrator.repair(connection, &repair).unwrap();
    let changes = repair.changes.iter();
    changes
        .map(|change| format!("{}: {change}", change.name))
        .collect()
}

fn stopped(migrator: &Migrator, connection: &mut Connection) -> String {
    let error = migrator.run(connection, &[]).unwrap_err();
    assert!(matches!(error, MigrateError::Drifted(_)), "{error}");
    ErrorReport::new(&error).to_string()
}

#[test]
fn a_modified_migration_stops_the_run_of_all_plugins_before_anything_is_applied() {
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    plugins.write("shop", &[("1_a/up.sql", A)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[id("shop")]).unwrap();

    plugins.write("shop", &[("1_a/up.sql", "SELECT 1"), ("2_b/up.sql", B)]);
    plugins.write("other", &[("1_x/up.sql", "SELECT 1")]);
    insta::assert_snapshot!(stopped(&plugins.migrator(), connection), @"
    error: failed to run migrations: 1_a of plugin `shop` was modified since it was applied
    hint: nothing was applied; restore its up.sql, or accept what is in the code as applied, with `cargo xtask migrate repair --plugin shop`
    ");
    let error = plugins.migrator().plan(connection, &[]).unwrap_err();
    assert!(matches!(error, MigrateError::Drifted(_)), "{error}");
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert!(!relation_exists(
        connection,
        "plugin_other.__diesel_schema_migrations"
    ));

    let other = plugins.migrator().run(connection, &[id("other")]).unwrap();
    assert_eq!(applied(&other), ["1_x"]);
    plugins.write("shop", &[("1_a/up.sql", A)]);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert_eq!(applied(&report), ["2_b"]);
}

#[test]
fn many_modified_migrations_are_a_list() {
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    let files = |sql| [("1_a/up.sql", sql), ("2_b/up.sql", sql)];
    plugins.write("shop", &files("SELECT 1"));
    plugins.write("other", &files("SELECT 2"));
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write("shop", &files("SELECT 3"));
    plugins.write("other", &files("SELECT 4")[..1]);
    insta::assert_snapshot!(stopped(&plugins.migrator(), connection), @"
    error: failed to run migrations: 3 applied migrations are not in the code as they were applied:
      1_a of plugin `shop` was modified since it was applied
      2_b of plugin `shop` was modified since it was applied
      1_a of plugin `other` was modified since it was applied
    hint: nothing was applied; restore their up.sql, or accept what is in the code as applied, with `cargo xtask migrate repair --plugin shop --plugin other`
    ");
}

#[test]
fn comments_whitespace_and_line_endings_are_not_drift() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1;\nSELECT 2;\n")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write(
        "shop",
        &[(
            "1_a/up.sql",
            "-- The first. \r\nSELECT 1; \t\r\n\r\nSELECT 2; /* the\r\nlast */\r\n",
        )],
    );
    let status = plugins.migrator().status(connection).unwrap();
    assert_eq!(status[0].drifted().count(), 0);
    plugins.migrator().run(connection, &[]).unwrap();
}

#[test]
fn the_checksums_of_earlier_versions_are_not_drift_and_a_repair_rewrites_them() {
    let commented = "-- A table.\nSELECT 1; -- its only row\n";
    let plugins = PluginFolders::shop(&[("1_a/up.sql", commented)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    execute(
        connection,
        "UPDATE plugin_shop.__diesel_schema_migrations \
         SET checksum = encode(sha256(E'-- A table.\\nSELECT 1; -- its only row\\n'::bytea), 'hex')",
    );
    let migrator = plugins.migrator();
    assert_eq!(migrator.status(connection).unwrap()[0].drifted().count(), 0);
    migrator.run(connection, &[]).unwrap();
    assert_eq!(
        repair(&migrator, connection),
        ["1_a: rewrite its checksum, so that comments do not count"]
    );
    plugins.write("shop", &[("1_a/up.sql", "SELECT 1;")]);
    let migrator = plugins.migrator();
    assert_eq!(migrator.status(connection).unwrap()[0].drifted().count(), 0);
    assert_eq!(repair(&migrator, connection), [""; 0]);
}

#[test]
fn a_repair_accepts_modified_sql_without_running_it() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    let run_on = "SELECT run_on::text FROM plugin_shop.__diesel_schema_migrations";
    let applied_at = query_one(connection, run_on);
    plugins.write("shop", &[("1_a/up.sql", "SELECT 1/0")]);
    let migrator = plugins.migrator();
    assert_eq!(
        repair(&migrator, connection),
        ["1_a: accept its modified SQL as applied"]
    );
    assert_eq!(applied(&migrator.run(connection, &[]).unwrap()), [""; 0]);
    assert_eq!(query_one(connection, run_on), applied_at);
}

#[test]
fn a_renumbered_migration_stops_the_run_and_a_repair_records_its_new_version() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A), ("2_b/up.sql", B)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    std::fs::rename(
        plugins.path().join("shop/2_b"),
        plugins.path().join("shop/3_b"),
    )
    .unwrap();
    let migrator = plugins.migrator();
    let status = migrator.status(connection).unwrap();
    let renumbered = &status[0].renumbered[0];
    assert_eq!(
        (
            renumbered.name.as_str(),
            renumbered.applied_version.as_str()
        ),
        ("3_b", "2")
    );
    insta::assert_snapshot!(stopped(&migrator, connection), @"
    error: failed to run migrations: 3_b of plugin `shop` was applied as version 2
    hint: nothing was applied; rename its folder back, or accept what is in the code as applied, with `cargo xtask migrate repair --plugin shop`
    ");
    assert_eq!(
        repair(&migrator, connection),
        ["3_b: record it as version 3 instead of 2"]
    );
    assert_eq!(history(connection, "plugin_shop"), ["1", "3"]);
    assert_eq!(applied(&migrator.run(connection, &[]).unwrap()), [""; 0]);
}

#[test]
fn migrations_that_took_the_versions_of_each_other_are_repaired() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A), ("2_b/up.sql", B)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    let before = rows(connection);
    let checksums: Vec<&str> = before
        .iter()
        .map(|row| row.split(' ').nth(1).unwrap())
        .collect();
    let folder = plugins.path().join("shop");
    for (from, to) in [("2_b", "3_b"), ("1_a", "2_a")] {
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
    }
    plugins.write("shop", &[("1_new/up.sql", "SELECT 1")]);
    let migrator = plugins.migrator();
    assert_eq!(
        repair(&migrator, connection),
        [
            "2_a: record it as version 2 instead of 1",
            "3_b: record it as version 3 instead of 2"
        ]
    );
    assert_eq!(
        rows(connection),
        [
            format!("2 {} 2_a", checksums[0]),
            format!("3 {} 3_b", checksums[1])
        ]
    );
    assert_eq!(applied(&migrator.run(connection, &[]).unwrap()), ["1_new"]);
}

#[test]
fn a_renamed_migration_is_no_drift_and_a_repair_records_its_name() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    std::fs::rename(
        plugins.path().join("shop/1_a"),
        plugins.path().join("shop/1_z"),
    )
    .unwrap();
    let migrator = plugins.migrator();
    migrator.run(connection, &[]).unwrap();
    assert_eq!(
        repair(&migrator, connection),
        ["1_z: record its new name; it was 1_a"]
    );
    assert!(rows(connection)[0].ends_with(" 1_z"));
}

#[test]
fn a_history_that_diesel_created_gets_checksums_and_names() {
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", A),
        ("1_a/down.sql", "DROP TABLE plugin_shop.a"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE SCHEMA plugin_shop; CREATE TABLE plugin_shop.__diesel_schema_migrations \
         (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         INSERT INTO plugin_shop.__diesel_schema_migrations (version) VALUES ('1')",
    );
    execute(connection, A);
    let migrator = plugins.migrator();
    assert_eq!(
        repair(&migrator, connection),
        ["1_a: record its checksum and name"]
    );
    plugins.write("shop", &[("1_a/up.sql", B)]);
    assert_eq!(
        plugins.migrator().status(connection).unwrap()[0]
            .drifted()
            .count(),
        1
    );
    assert_eq!(
        plugins
            .migrator()
            .revert(connection, &id("shop"), ONE)
            .unwrap(),
        ["1_a"]
    );
}

#[test]
fn a_repair_that_was_planned_for_another_history_changes_nothing() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A), ("2_b/up.sql", B)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write(
        "shop",
        &[("1_a/up.sql", "SELECT 1"), ("2_b/up.sql", "SELECT 2")],
    );
    let migrator = plugins.migrator();
    let repair = migrator.plan_repair(connection, &id("shop")).unwrap();
    assert_eq!(repair.changes[0].reason, RepairReason::Modified);
    execute(
        connection,
        "UPDATE plugin_shop.__diesel_schema_migrations SET checksum = 'x' WHERE version = '2'",
    );
    let before = rows(connection);
    let error = migrator.repair(connection, &repair).unwrap_err();
    insta::assert_snapshot!(ErrorReport::new(&error), @"
    error: failed to repair the history of plugin `shop`: another run has changed it in the meantime
    hint: check the status and decide again
    ");
    assert_eq!(rows(connection), before);
}

#[test]
fn a_migration_can_be_marked_as_applied_and_as_pending() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", A), ("2_b/up.sql", B)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let migrator = plugins.migrator();
    let shop = id("shop");
    assert!(migrator.mark_applied(connection, &shop, "1").unwrap());
    assert!(!migrator.mark_applied(connection, &shop, "1").unwrap());
    assert_eq!(applied(&migrator.run(connection, &[]).unwrap()), ["2_b"]);
    assert!(!relation_exists(connection, "plugin_shop.a"));
    assert!(migrator.mark_pending(connection, &shop, "1").unwrap());
    assert!(!migrator.mark_pending(connection, &shop, "1").unwrap());
    assert_eq!(applied(&migrator.run(connection, &[]).unwrap()), ["1_a"]);

    execute(
        connection,
        "INSERT INTO plugin_shop.__diesel_schema_migrations (version) VALUES ('9')",
    );
    assert!(
        migrator.mark_pending(connection, &shop, "9").unwrap(),
        "it is not in the code"
    );
    for error in [
        migrator.mark_pending(connection, &shop, "9").unwrap_err(),
        migrator.mark_applied(connection, &shop, "9").unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "failed to find version 9 of plugin `shop`: no migration has it"
        );
        assert!(error.hint().is_some());
    }
}
