//! Roles with few rights, and connections that cannot be used.

use diesel::connection::SimpleConnection;
use watertight_diagnostics::ErrorReport;
use watertight_migrations::MigrateError;

use crate::plugin_folders::{ONE, PluginFolders, id};
use crate::test_database::{
    GUEST, TestDatabase, execute, history, relation_exists, skip_on_one_connection,
};

#[test]
fn status_needs_only_read_rights() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("missing", &[]), ("empty", &[])]);
    plugins.write(
        "shop",
        &[("1_a/up.sql", "SELECT 1"), ("2_b/up.sql", "SELECT 1/0")],
    );
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let _ = plugins.migrator().run(connection, &[id("shop")]).unwrap();
    execute(connection, "CREATE SCHEMA plugin_empty");

    let status = || plugins.migrator().status(&mut database.connect_as(GUEST));
    insta::assert_snapshot!(ErrorReport::new(&status().unwrap_err()), @r#"
    error: failed to read the history of plugin `shop`: the role has no right to
    hint: as the owner, run `GRANT USAGE ON SCHEMA "plugin_shop" TO <role>` and `GRANT SELECT ON "plugin_shop"."__diesel_schema_migrations" TO <role>`
    "#);
    execute(
        connection,
        "GRANT USAGE ON SCHEMA plugin_shop TO watertight_test_guest",
    );
    assert!(matches!(status(), Err(MigrateError::NotReadable { .. })));
    execute(
        connection,
        "GRANT SELECT ON plugin_shop.__diesel_schema_migrations TO watertight_test_guest",
    );
    let status = status().unwrap();
    let seen: Vec<_> = status
        .iter()
        .map(|status| {
            (
                status.has_schema,
                status.has_history,
                status.applied().count(),
            )
        })
        .collect();
    assert_eq!(seen, [(true, true, 1), (false, false, 0), (true, false, 0)]);
}

#[test]
fn with_an_existing_schema_no_right_to_create_schemas_is_needed() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "CREATE TABLE plugin_shop.t (a int)")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let run = || plugins.migrator().run(&mut database.connect_as(GUEST), &[]);

    insta::assert_snapshot!(plugins.error(&run().unwrap()), @r#"
    error: failed to create the schema of plugin `shop`: the role has no right to create schemas in this database
    hint: as the database's owner, run `GRANT CREATE ON DATABASE <database> TO <role>`, or `CREATE SCHEMA "plugin_shop" AUTHORIZATION <role>`
    "#);
    execute(
        connection,
        "CREATE SCHEMA plugin_shop; GRANT USAGE ON SCHEMA plugin_shop TO watertight_test_guest",
    );
    insta::assert_snapshot!(plugins.error(&run().unwrap()), @r#"
    error: failed to create the history of plugin `shop`: the role has no right to create tables in its schema
    hint: as the schema's owner, run `GRANT USAGE, CREATE ON SCHEMA "plugin_shop" TO <role>`
    "#);
    execute(
        connection,
        "GRANT CREATE ON SCHEMA plugin_shop TO watertight_test_guest",
    );
    assert!(run().unwrap().is_success());
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
}

#[test]
fn a_missing_right_stops_neither_other_plugins_nor_a_plan() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("there", &[])]);
    plugins.write("shop", &[("1_a/up.sql", "SELECT 1")]);
    plugins.write("there", &[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE SCHEMA plugin_there; GRANT ALL ON SCHEMA plugin_there TO watertight_test_guest",
    );
    let guest = &mut database.connect_as(GUEST);

    let plan = plugins.migrator().plan(guest, &[]).unwrap();
    assert_eq!(plan.migrations.len(), 2);
    let report = plugins.migrator().run(guest, &[]).unwrap();
    assert!(plugins.error(&report).contains("schema of plugin `shop`"));
    assert_eq!(history(connection, "plugin_there"), ["1"]);
}

#[test]
fn an_open_transaction_is_refused_and_not_changed() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(connection, "BEGIN; CREATE TABLE kept (a int)");
    assert!(matches!(
        plugins.migrator().run(connection, &[]),
        Err(MigrateError::OpenTransaction)
    ));
    assert!(matches!(
        plugins.migrator().status(connection),
        Err(MigrateError::OpenTransaction)
    ));
    execute(connection, "INSERT INTO kept VALUES (1)");
    assert!(connection.batch_execute("SELECT 1/0").is_err());
    insta::assert_snapshot!(ErrorReport::new(&plugins.migrator().status(connection).unwrap_err()), @"
    error: failed to begin: the connection has an open transaction, and migrations need transactions of their own
    hint: commit it or roll it back first, or use another connection
    ");
    execute(connection, "ROLLBACK");
    assert!(
        plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success()
    );
}

#[test]
fn a_history_that_diesel_created_for_another_role_is_read_but_not_altered() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1"), ("1_a/down.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE SCHEMA plugin_shop; GRANT ALL ON SCHEMA plugin_shop TO watertight_test_guest; \
         CREATE TABLE plugin_shop.__diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT NULL, \
         run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         GRANT ALL ON plugin_shop.__diesel_schema_migrations TO watertight_test_guest; \
         INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('0'), ('1')",
    );
    let guest = &mut database.connect_as(GUEST);
    assert_eq!(
        plugins.migrator().status(guest).unwrap()[0]
            .applied()
            .count(),
        1
    );
    insta::assert_snapshot!(plugins.error(&plugins.migrator().run(guest, &[]).unwrap()), @r#"
    error: failed to add columns to the history of plugin `shop`, which Diesel created: the role does not own it
    hint: as its owner, run the migrations once, or run `ALTER TABLE "plugin_shop"."__diesel_schema_migrations" ADD COLUMN IF NOT EXISTS "checksum" pg_catalog.text, ADD COLUMN IF NOT EXISTS "name" pg_catalog.text`
    "#);
    plugins.migrator().revert(guest, &id("shop"), ONE).unwrap();
    assert_eq!(history(connection, "plugin_shop"), ["0"]);
}

#[test]
fn without_the_right_to_write_the_history_nothing_is_sent() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "SELECT 1"),
        ("1_a/down.sql", "SELECT 1"),
        ("2_b/up.sql", "CREATE TABLE plugin_shop.t (a int)"),
        ("2_b/metadata.toml", "run_in_transaction = false"),
    ]);
    let shop = id("shop");
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run_next(connection, &shop).unwrap();
    execute(
        connection,
        "GRANT ALL ON SCHEMA plugin_shop TO watertight_test_guest; \
         GRANT SELECT ON plugin_shop.__diesel_schema_migrations TO watertight_test_guest",
    );
    let guest = &mut database.connect_as(GUEST);
    let report = plugins.migrator().run(guest, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @r#"
    error: failed to write the history of plugin `shop`: the role has no right to INSERT
    hint: as its owner, run `GRANT INSERT, UPDATE, DELETE ON "plugin_shop"."__diesel_schema_migrations" TO <role>`
    "#);
    assert!(!relation_exists(connection, "plugin_shop.t"));

    let missing_right = |error: MigrateError| match error {
        MigrateError::MayNotWriteHistory { right, .. } => right,
        error => panic!("{}", ErrorReport::new(&error)),
    };
    let migrator = plugins.migrator();
    let run_next = migrator.run_next(guest, &shop).unwrap_err();
    let revert = migrator.revert(guest, &shop, ONE).unwrap_err();
    let redo = migrator.redo(guest, &shop).unwrap_err();
    let applied = migrator.mark_applied(guest, &shop, "2").unwrap_err();
    let pending = migrator.mark_pending(guest, &shop, "1").unwrap_err();
    let errors = [run_next, revert, redo, applied, pending];
    assert_eq!(
        errors.map(missing_right),
        ["INSERT", "DELETE", "DELETE", "INSERT", "DELETE"]
    );

    // The columns that are written suffice.
    execute(
        connection,
        "GRANT INSERT (version, name, checksum) ON plugin_shop.__diesel_schema_migrations TO watertight_test_guest",
    );
    let report = plugins.migrator().run(guest, &[]).unwrap();
    assert!(report.is_success(), "{}", plugins.error(&report));
}

#[test]
fn a_history_that_may_not_be_written_is_no_error_if_nothing_is_pending() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let _ = plugins.migrator().run(connection, &[]).unwrap();
    execute(
        connection,
        "GRANT USAGE ON SCHEMA plugin_shop TO watertight_test_guest; \
         GRANT SELECT ON plugin_shop.__diesel_schema_migrations TO watertight_test_guest",
    );
    let report = plugins.migrator().run(&mut database.connect_as(GUEST), &[]);
    assert!(report.unwrap().is_success());
}
