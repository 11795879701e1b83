//! What is said when a migration fails, and that nothing is left behind.

use std::sync::Mutex;

use watertight_migrations::{MigrateError, Progress};

use crate::plugins::{ONE, Plugins, id};
use crate::server::{Database, execute, exists, has_one_connection, history, text};

const ADVISORY_LOCKS: &str =
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

/// The error of a plugin `shop` whose only migration is this SQL, and the connection afterwards.
fn error(sql: &str) -> String {
    let plugins = Plugins::shop(&[("1_a/up.sql", sql)]);
    let database = Database::new();
    let report = plugins
        .migrator()
        .run(&mut database.connect(), &[])
        .unwrap();
    plugins.error(&report)
}

#[test]
fn an_error_with_a_position_shows_the_column() {
    insta::assert_snapshot!(error("CREATE TABLE plugin_shop.t (a int);\n\nSELECT a,\n  ü.price FROM plugin_shop.t AS ü;\n"), @"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:4:3
      |
    4 |   ü.price FROM plugin_shop.t AS ü;
      |   ^
    ERROR: column ü.price does not exist
    nothing of this migration was applied; mend the SQL and run it again
    ");
}

#[test]
fn an_error_without_a_position_shows_the_statement() {
    insta::assert_snapshot!(error("SELECT 1;\n-- twice\nCREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);
      |
    ERROR: relation "t" already exists
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_position_inside_a_body_is_not_believed() {
    insta::assert_snapshot!(error("SELECT 1;\n\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM nothing FROM pg_class;\nEND $$;\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:3
      |
    3 | DO $$
      |
    ERROR: column "nothing" does not exist
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_deferred_constraint_fails_at_the_end() {
    insta::assert_snapshot!(error(
        "CREATE TABLE plugin_shop.a (id int PRIMARY KEY);
CREATE TABLE plugin_shop.b (id int REFERENCES plugin_shop.a DEFERRABLE INITIALLY DEFERRED);
INSERT INTO plugin_shop.b VALUES (1);"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql
    no statement failed, but a deferred constraint at the end
    ERROR: insert or update on table "b" violates foreign key constraint "b_id_fkey"
    DETAIL: Key (id)=(1) is not present in table "a".
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn transaction_control_is_refused_with_its_line() {
    insta::assert_snapshot!(error("SELECT 1;\n  COMMIT;\n"), @"
    failed to run migration 1_a of plugin shop: `COMMIT` controls the transaction, which the migration shares with its history row; remove it, or set `run_in_transaction = false` in the migration's metadata.toml
     --> shop/1_a/up.sql:2:3
      |
    2 |   COMMIT;
      |   ^
    nothing of this migration was sent
    ");
}

#[test]
fn what_an_open_transaction_did_is_not_said_to_stay() {
    let plugins = Plugins::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int);\nBEGIN;\nCREATE TABLE plugin_shop.b (a int);\nSELECT 1/0;\nCOMMIT;",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = Database::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    let error = plugins.error(&report);
    assert!(
        error.contains("the first statement stays applied"),
        "{error}"
    );
    assert!(exists(connection, "plugin_shop.a"));
    assert!(!exists(connection, "plugin_shop.b"));
}

#[test]
fn without_a_transaction_the_statements_before_stay() {
    let plugins = Plugins::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int);\nCREATE TABLE plugin_shop.b (a int);\nSELECT\n  c FROM plugin_shop.a;",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = Database::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:4:3
      |
    4 |   c FROM plugin_shop.a;
      |   ^
    ERROR: column "c" does not exist
    the first 2 statements stay applied, because this migration runs without a transaction; undo them or take them out of the SQL, mend the rest and run it again
    "#);
    assert!(exists(connection, "plugin_shop.b"));
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
    assert_eq!(text(connection, ADVISORY_LOCKS), "0");
}

#[test]
fn a_transaction_left_open_is_rolled_back_and_said() {
    let plugins = Plugins::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int); BEGIN; CREATE TABLE plugin_shop.b (a int);",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = Database::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"failed to run migration 1_a of plugin shop: it began a transaction and did not end it; what it did in there was rolled back, what it did before stays applied, and it is not recorded; add the `COMMIT`");
    assert!(exists(connection, "plugin_shop.a") && !exists(connection, "plugin_shop.b"));
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
}

#[test]
fn a_failure_leaves_nothing_of_its_migration() {
    let plugins = Plugins::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.a (a int)"),
        (
            "2_b/up.sql",
            "CREATE TABLE plugin_shop.b (a int); SELECT 1/0; CREATE TABLE plugin_shop.c (a int)",
        ),
    ]);
    let database = Database::new();
    let connection = &mut database.connect();
    assert!(
        !plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success()
    );
    assert!(exists(connection, "plugin_shop.a") && !exists(connection, "plugin_shop.b"));
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
fn one_refused_migration_keeps_its_whole_plugin_back() {
    let plugins = Plugins::new(&[("shop", &[]), ("other", &[])]);
    plugins.write(
        "shop",
        &[
            ("1_a/up.sql", "SELECT 1"),
            ("2_b/up.sql", "SELECT 1;\n/* never"),
        ],
    );
    plugins.write("other", &[("1_c/up.sql", "SELECT 1")]);
    let database = Database::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    failed to run migration 2_b of plugin shop: the comment `/*` that begins here never ends; end it
     --> shop/2_b/up.sql:2:1
      |
    2 | /* never
      | ^
    nothing of this migration was sent
    ");
    assert!(!exists(
        connection,
        "plugin_shop.__diesel_schema_migrations"
    ));
    assert_eq!(history(connection, "plugin_other"), ["1"]);
    let error = plugins.migrator().plan(connection, &[]).unwrap_err();
    assert!(matches!(error, MigrateError::Refused(_)), "{error}");
}

/// With this setting a backslash escapes a quote, which our lexer does not know: the guard is there for what the
/// lexer misses.
#[test]
fn a_hidden_commit_is_found_by_the_guard() {
    let plugins = Plugins::shop(&[("1_a/up.sql", r"SELECT '\', '; COMMIT; SELECT 'x' --'")]);
    let database = Database::new();
    let connection = &mut database.connect();
    execute(connection, "SET standard_conforming_strings = off");
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"failed to run migration 1_a of plugin shop: it ended the transaction that it ran in, so what it did before that stays, and it is not recorded; set `run_in_transaction = false` in its metadata.toml");
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
}

#[test]
fn names_with_quotes_and_dollars_are_only_names() {
    let plugins = Plugins::shop(&[(r"1'$watertight$\-;_it's $$ ü/up.sql", "SELECT 1")]);
    let database = Database::new();
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
fn what_another_run_does_between_reading_and_acting_is_seen() {
    if has_one_connection() {
        return;
    }
    let plugins = Plugins::shop(&[("1_a/up.sql", "SELECT 1/0"), ("1_a/down.sql", "SELECT 1")]);
    let database = Database::new();
    let meanwhile = |sql: &'static str| {
        let other = Mutex::new(database.connect());
        plugins.migrator().on_progress(move |progress| {
            if let Progress::Started { .. } = progress {
                execute(&mut other.lock().unwrap(), sql);
            }
        })
    };
    let connection = &mut database.connect();
    let report = meanwhile("INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('1')")
        .run(connection, &[])
        .unwrap();
    assert!(report.is_success() && report.plugins[0].applied[0].by_another_run);

    let newer = meanwhile("INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('2')");
    insta::assert_snapshot!(newer.revert(connection, &id("shop"), ONE).unwrap_err(), @"failed to revert migration 1_a of plugin shop: meanwhile another run changed the history, and it is no longer the newest one applied; look at the status and decide again");
    execute(
        connection,
        "DELETE FROM plugin_shop.__diesel_schema_migrations WHERE version = '2'",
    );
    let gone = meanwhile("DELETE FROM plugin_shop.__diesel_schema_migrations");
    assert!(matches!(
        gone.revert(connection, &id("shop"), ONE),
        Err(MigrateError::ChangedMeanwhile { .. })
    ));
}

#[test]
fn a_database_that_is_read_only_is_said() {
    let plugins = Plugins::shop(&[("1_a/up.sql", "SELECT 1")]);
    let database = Database::new();
    let connection = &mut database.connect();
    execute(connection, "SET default_transaction_read_only = on");
    assert_eq!(
        plugins.migrator().status(connection).unwrap()[0]
            .pending()
            .count(),
        1
    );
    insta::assert_snapshot!(plugins.migrator().run(connection, &[]).unwrap_err(), @"failed to create schemas and histories: cannot execute CREATE SCHEMA in a read-only transaction; see the PostgreSQL server's log if that does not say enough");
}

#[test]
fn a_history_that_the_migration_drops_is_said() {
    insta::assert_snapshot!(error("DROP TABLE plugin_shop.__diesel_schema_migrations"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql
    no statement of it fails like this when tried again by itself; it may have kept its history row from being written
    ERROR: relation "plugin_shop.__diesel_schema_migrations" does not exist
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_command_that_needs_no_transaction_says_how_to_have_none() {
    insta::assert_snapshot!(error("CREATE TABLE plugin_shop.a (a int);\nCREATE INDEX CONCURRENTLY b ON plugin_shop.a (a);"), @"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:2
      |
    2 | CREATE INDEX CONCURRENTLY b ON plugin_shop.a (a);
      |
    ERROR: CREATE INDEX CONCURRENTLY cannot run inside a transaction block
    HINT: set `run_in_transaction = false` in the migration's metadata.toml
    nothing of this migration was applied; mend the SQL and run it again
    ");
}

#[test]
fn a_statement_that_is_not_finished_is_shown() {
    insta::assert_snapshot!(error("SELECT 1;\n\nCREATE TABLE plugin_shop.t (\n  a int\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.t (
      |
    ERROR: syntax error at or near ";"
    nothing of this migration was applied; mend the SQL and run it again
    "#);
    insta::assert_snapshot!(error("SELECT 1;\n\nCREATE TABLE plugin_shop.t (\n  a int;\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:4:8
      |
    4 |   a int;
      |        ^
    ERROR: syntax error at or near ";"
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_position_inside_a_function_is_not_believed() {
    insta::assert_snapshot!(error(
        "CREATE FUNCTION plugin_shop.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN nothing; END $$;\n\
         SELECT 1,\n  plugin_shop.f();"
    ), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:2
      |
    2 | SELECT 1,
      |
    ERROR: column "nothing" does not exist
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}
