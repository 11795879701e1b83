//! The error of a migration that fails, and what it leaves in the database.

use std::sync::Mutex;

use watertight_diagnostics::ErrorReport;
use watertight_migrations::{MigrateError, MigrationProgress};

use crate::plugin_folders::{ONE, PluginFolders, id};
use crate::test_database::{
    TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

const ADVISORY_LOCKS: &str =
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

/// Returns the error of a plugin `shop` whose only migration is this SQL.
fn error(sql: &str) -> String {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", sql)]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert_eq!(query_one(connection, ADVISORY_LOCKS), "0");
    plugins.error(&report)
}

#[test]
fn an_error_with_a_position_has_a_column() {
    insta::assert_snapshot!(error("CREATE TABLE plugin_shop.t (a int);\n\nSELECT a,\n  ü.price FROM plugin_shop.t AS ü;\n"), @"
    error: failed to apply migration 1_a of plugin `shop`: column ü.price does not exist
     --> shop/1_a/up.sql:4:3
      |
    4 |   ü.price FROM plugin_shop.t AS ü;
      |   ^
    hint: nothing of this migration was applied; fix the SQL and run it again
    ");
}

#[test]
fn an_error_without_a_position_has_the_line_of_the_statement() {
    insta::assert_snapshot!(error("SELECT 1;\n-- twice\nCREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);\n"), @r#"
    error: failed to apply migration 1_a of plugin `shop`: relation "t" already exists
     --> shop/1_a/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
}

#[test]
fn a_position_inside_a_do_block_is_ignored() {
    insta::assert_snapshot!(error("SELECT 1;\n\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM nothing FROM pg_class;\nEND $$;\n"), @r#"
    error: failed to apply migration 1_a of plugin `shop`: column "nothing" does not exist
     --> shop/1_a/up.sql:3
      |
    3 | DO $$
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
}

#[test]
fn a_deferred_constraint_fails_at_commit() {
    insta::assert_snapshot!(error(
        "CREATE TABLE plugin_shop.a (id int PRIMARY KEY);
CREATE TABLE plugin_shop.b (id int REFERENCES plugin_shop.a DEFERRABLE INITIALLY DEFERRED);
INSERT INTO plugin_shop.b VALUES (1);"), @r#"
    error: failed to apply migration 1_a of plugin `shop` in shop/1_a/up.sql, at `COMMIT`, where deferred constraints are checked: insert or update on table "b" violates foreign key constraint "b_id_fkey" (Key (id)=(1) is not present in table "a")
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
}

#[test]
fn transaction_control_is_refused_with_its_line() {
    insta::assert_snapshot!(error("SELECT 1;\n  COMMIT;\n"), @"
    error: failed to apply migration 1_a of plugin `shop`: `COMMIT` controls the transaction that the migration shares with its history row
     --> shop/1_a/up.sql:2:3
      |
    2 |   COMMIT;
      |   ^^^^^^
    hint: remove it, or set `run_in_transaction = false` in the migration's metadata.toml; nothing of this migration was sent
    ");
}

#[test]
fn statements_of_an_open_transaction_are_not_reported_as_kept() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int);\nBEGIN;\nCREATE TABLE plugin_shop.b (a int);\nSELECT 1/0;\nCOMMIT;",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    let error = plugins.error(&report);
    assert!(
        error.contains("the first statement stays applied"),
        "{error}"
    );
    assert!(relation_exists(connection, "plugin_shop.a"));
    assert!(!relation_exists(connection, "plugin_shop.b"));
}

#[test]
fn without_a_transaction_earlier_statements_stay_applied() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int);\nCREATE TABLE plugin_shop.b (a int);\nSELECT\n  c FROM plugin_shop.a;",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @r#"
    error: failed to apply migration 1_a of plugin `shop`: column "c" does not exist
     --> shop/1_a/up.sql:4:3
      |
    4 |   c FROM plugin_shop.a;
      |   ^
    hint: the first 2 statements stay applied, because this migration runs without a transaction; undo them or remove them from the SQL, fix the rest and run it again
    "#);
    assert!(relation_exists(connection, "plugin_shop.b"));
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
    assert_eq!(query_one(connection, ADVISORY_LOCKS), "0");
}

#[test]
fn a_transaction_left_open_is_rolled_back_and_reported() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int); BEGIN; CREATE TABLE plugin_shop.b (a int);",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 1_a of plugin `shop`: it began a transaction and did not end it, so what it did inside was rolled back, what it did before stays applied, and it is not recorded
    hint: add the missing `COMMIT`
    ");
    assert!(
        relation_exists(connection, "plugin_shop.a")
            && !relation_exists(connection, "plugin_shop.b")
    );
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
}

#[test]
fn a_failure_leaves_nothing_of_its_migration() {
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.a (a int)"),
        (
            "2_b/up.sql",
            "CREATE TABLE plugin_shop.b (a int); SELECT 1/0; CREATE TABLE plugin_shop.c (a int)",
        ),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    assert!(
        !plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success()
    );
    assert!(
        relation_exists(connection, "plugin_shop.a")
            && !relation_exists(connection, "plugin_shop.b")
    );
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    plugins.write(
        "shop",
        &[("2_b/up.sql", "CREATE TABLE plugin_shop.b (a int)")],
    );
    assert!(
        plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success()
    );
}

#[test]
fn a_refused_migration_stops_its_whole_plugin() {
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    plugins.write(
        "shop",
        &[
            ("1_a/up.sql", "SELECT 1"),
            ("2_b/up.sql", "SELECT 1;\n/* never"),
        ],
    );
    plugins.write("other", &[("1_c/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 2_b of plugin `shop`: the comment `/*` that begins here is never closed
     --> shop/2_b/up.sql:2:1
      |
    2 | /* never
      | ^
    hint: close it; nothing of this migration was sent
    ");
    assert!(!relation_exists(
        connection,
        "plugin_shop.__diesel_schema_migrations"
    ));
    assert_eq!(history(connection, "plugin_other"), ["1"]);
    let error = plugins.migrator().plan(connection, &[]).unwrap_err();
    assert!(matches!(error, MigrateError::Refused(_)), "{error}");
}

/// With this setting a backslash escapes a quote, and a function of an earlier migration changes it unseen.
#[test]
fn a_hidden_commit_is_found_by_the_guard() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE FUNCTION plugin_shop.f() RETURNS text LANGUAGE sql AS \
             $$ SELECT set_config('standard_conforming_' || 'strings', 'off', false) $$",
        ),
        ("2_b/up.sql", "SELECT plugin_shop.f()"),
        ("3_c/up.sql", r"SELECT '\', '; COMMIT; SELECT 'x' --'"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 3_c of plugin `shop`: it ended the transaction that it ran in, so what it did before stays applied, and it is not recorded
    hint: set `run_in_transaction = false` in its metadata.toml
    ");
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
}

#[test]
fn names_with_quotes_and_dollars_are_escaped() {
    let plugins = PluginFolders::shop(&[(r"1'$watertight$\-;_it's $$ ü/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(history(connection, "plugin_shop"), [r"1'$watertight$\;"]);
    assert!(
        plugins.migrator().status(connection).unwrap()[0]
            .pending()
            .next()
            .is_none()
    );
}

#[test]
fn changes_by_another_run_after_the_history_was_read_are_noticed() {
    if skip_on_one_connection() {
        return;
    }
    let plugins =
        PluginFolders::shop(&[("1_a/up.sql", "SELECT 1/0"), ("1_a/down.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let with_concurrent = |sql: &'static str| {
        let other = Mutex::new(database.connect());
        plugins.migrator().on_progress(move |progress| {
            if let MigrationProgress::Started { .. } = progress {
                execute(&mut other.lock().unwrap(), sql);
            }
        })
    };
    let connection = &mut database.connect();
    let report = with_concurrent("INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('1')")
        .run(connection, &[])
        .unwrap();
    assert!(report.is_success() && report.plugins[0].applied[0].by_another_run);

    let newer = with_concurrent("INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('2')");
    insta::assert_snapshot!(ErrorReport::new(&newer.revert(connection, &id("shop"), ONE).unwrap_err()), @"
    error: failed to revert migration 1_a of plugin `shop`: another run has changed the history in the meantime, and it is no longer the newest one applied
    hint: check the status and decide again
    ");
    execute(
        connection,
        "DELETE FROM plugin_shop.__diesel_schema_migrations WHERE version = '2'",
    );
    let gone = with_concurrent("DELETE FROM plugin_shop.__diesel_schema_migrations");
    assert!(matches!(
        gone.revert(connection, &id("shop"), ONE),
        Err(MigrateError::HistoryChanged { .. })
    ));
}

#[test]
fn a_read_only_database_is_reported() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(connection, "SET default_transaction_read_only = on");
    assert_eq!(
        plugins.migrator().status(connection).unwrap()[0]
            .pending()
            .count(),
        1
    );
    insta::assert_snapshot!(ErrorReport::new(&plugins.migrator().run(connection, &[]).unwrap_err()), @"
    error: failed to write to the database: `default_transaction_read_only` is on
    hint: turn it off for this role, database or connection
    ");
}

#[test]
fn a_migration_that_drops_its_history_is_reported() {
    insta::assert_snapshot!(error("DROP TABLE plugin_shop.__diesel_schema_migrations"), @r#"
    error: failed to apply migration 1_a of plugin `shop`: its SQL ran, its history row could not be written: relation "plugin_shop.__diesel_schema_migrations" does not exist
    hint: nothing of this migration was applied; make sure that its history can be written and run it again
    "#);
}

#[test]
fn a_command_that_cannot_run_in_a_transaction_has_a_hint() {
    insta::assert_snapshot!(error("CREATE TABLE plugin_shop.a (a int);\nCREATE INDEX CONCURRENTLY b ON plugin_shop.a (a);"), @"
    error: failed to apply migration 1_a of plugin `shop`: CREATE INDEX CONCURRENTLY cannot run inside a transaction block
     --> shop/1_a/up.sql:2
      |
    2 | CREATE INDEX CONCURRENTLY b ON plugin_shop.a (a);
      |
    hint: set `run_in_transaction = false` in the migration's metadata.toml; nothing of this migration was applied; fix the SQL and run it again
    ");
}

#[test]
fn an_incomplete_statement_is_located() {
    insta::assert_snapshot!(error("SELECT 1;\n\nCREATE TABLE plugin_shop.t (\n  a int\n"), @r#"
    error: failed to apply migration 1_a of plugin `shop`: syntax error at or near ";"
     --> shop/1_a/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.t (
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
    insta::assert_snapshot!(error("SELECT 1;\n\nCREATE TABLE plugin_shop.t (\n  a int;\n"), @r#"
    error: failed to apply migration 1_a of plugin `shop`: syntax error at or near ";"
     --> shop/1_a/up.sql:4:8
      |
    4 |   a int;
      |        ^
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
}

#[test]
fn a_position_inside_a_function_is_ignored() {
    insta::assert_snapshot!(error(
        "CREATE FUNCTION plugin_shop.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN nothing; END $$;\n\
         SELECT 1,\n  plugin_shop.f();"
    ), @r#"
    error: failed to apply migration 1_a of plugin `shop`: column "nothing" does not exist
     --> shop/1_a/up.sql:2
      |
    2 | SELECT 1,
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    "#);
}
