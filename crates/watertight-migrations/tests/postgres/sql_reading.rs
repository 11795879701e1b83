//! Migrations that PostgreSQL reads in its own way are applied as psql applies them.

use watertight_migrations::RunReport;

use crate::plugin_folders::PluginFolders;
use crate::runner::run_at;
use crate::test_database::{
    TestDatabase, history, query_all, query_one, relation_exists, skip_on_one_connection,
};

const CREATE: &str = "CREATE TABLE plugin_shop.seen (value text);";

fn plugins(sql: &str, in_transaction: bool) -> PluginFolders {
    PluginFolders::shop(&[
        ("1_a/up.sql", &format!("{CREATE}\n{sql}")),
        (
            "1_a/metadata.toml",
            &format!("run_in_transaction = {in_transaction}"),
        ),
        ("2_b/up.sql", "INSERT INTO plugin_shop.seen VALUES ('next')"),
    ])
}

/// A database whose connections have `standard_conforming_strings` off.
fn with_strings_off() -> TestDatabase {
    let database = TestDatabase::new();
    database.alter("SET standard_conforming_strings = off");
    database
}

/// Runs over the runner's own connection, or over a caller's.
fn run(plugins: &PluginFolders, database: &TestDatabase, own: bool) -> RunReport {
    let migrator = plugins.migrator();
    let report = if own {
        run_at(&migrator, database.database_url())
    } else {
        migrator.run(&mut database.connect(), &[])
    };
    report.unwrap_or_else(|error| panic!("{}", plugins.error_report(&error)))
}

/// Applies the migration over both kinds of connections, and returns the values that it has inserted.
fn values_in(database: impl Fn() -> TestDatabase, sql: &str, in_transaction: bool) -> Vec<String> {
    let plugins = plugins(sql, in_transaction);
    let [one, other] = [true, false].map(|own| {
        let database = database();
        let report = run(&plugins, &database, own);
        assert!(report.is_success(), "{sql}: {}", plugins.error(&report));
        let values = "SELECT value FROM plugin_shop.seen";
        query_all(&mut database.connect(), values)
    });
    assert_eq!(one, other);
    assert_eq!(one.last().unwrap(), "next");
    one[..one.len() - 1].to_vec()
}

fn values(sql: &str, in_transaction: bool) -> Vec<String> {
    values_in(TestDatabase::new, sql, in_transaction)
}

#[test]
fn strings_end_where_postgresql_ends_them() {
    for in_transaction in [true, false] {
        assert_eq!(
            values(
                "INSERT INTO plugin_shop.seen VALUES (E'a'\n'it\\'s; ok');;\nINSERT INTO plugin_shop.seen VALUES ('a' -- it's\n ';b')",
                in_transaction
            ),
            ["ait's; ok", "a;b"]
        );
    }
}

#[test]
fn a_script_that_turns_standard_conforming_strings_off_is_read_accordingly() {
    // A PGlite's connections do not have the settings of their database.
    if skip_on_one_connection() {
        return;
    }
    for in_transaction in [true, false] {
        assert_eq!(
            values(
                "SET standard_conforming_strings = off;\nINSERT INTO plugin_shop.seen VALUES ('it\\'s; COMMIT; ok');\n\
                 RESET standard_conforming_strings; INSERT INTO plugin_shop.seen VALUES ('\\'); SELECT 1",
                in_transaction
            ),
            ["it's; COMMIT; ok", "\\"]
        );
    }
}

#[test]
fn a_session_with_standard_conforming_strings_off_is_read_accordingly() {
    // A PGlite's connections do not have the settings of their database.
    if skip_on_one_connection() {
        return;
    }
    for in_transaction in [true, false] {
        assert_eq!(
            values_in(
                with_strings_off,
                "INSERT INTO plugin_shop.seen VALUES ('it\\'s; COMMIT; ok');\nSET standard_conforming_strings = on;\n\
                 INSERT INTO plugin_shop.seen VALUES ('\\'); RESET ALL; INSERT INTO plugin_shop.seen VALUES ('\\';\\\\')",
                in_transaction
            ),
            ["it's; COMMIT; ok", "\\", "';\\"]
        );
    }
}

#[test]
fn an_error_after_standard_conforming_strings_has_changed_is_located_and_rolled_back() {
    for failing in [
        "SELECT 1 / 0",
        "SELECT FROM WHERE",
        "SELECT 'it\\'s', nothing",
        "SELECT 1 / 0; ROLLBACK TO before",
    ] {
        let sql = format!(
            "SAVEPOINT before; SET standard_conforming_strings = off;\nINSERT INTO plugin_shop.seen VALUES ('it\\'s');\n\
             SELECT 'a\\'b';\n{failing}; RESET standard_conforming_strings; ROLLBACK TO before; SELECT '\\'"
        );
        let plugins = plugins(&sql, true);
        for own in [true, false] {
            let database = TestDatabase::new();
            let report = run(&plugins, &database, own);
            let error = plugins.error(&report);
            assert!(error.contains("shop/1_a/up.sql:5"), "{failing}: {error}");
            let connection = &mut database.connect();
            assert!(!relation_exists(connection, "plugin_shop.seen"));
            assert_eq!(history(connection, "plugin_shop"), [""; 0]);
        }
    }
}

#[test]
fn a_body_may_have_a_label_that_is_a_keyword() {
    let is_old = "SELECT current_setting('server_version_num')::int < 140000";
    if query_one(&mut TestDatabase::new().connect(), is_old) == "true" {
        return;
    }
    for in_transaction in [true, false] {
        assert_eq!(
            values(
                "CREATE FUNCTION plugin_shop.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 end; END;\n\
                 INSERT INTO plugin_shop.seen SELECT plugin_shop.f()",
                in_transaction
            ),
            ["1"]
        );
    }
}
