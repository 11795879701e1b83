//! Settings that a migration changes are restored for its history row, the next migration and the caller.

use watertight_connection::DatabaseUrl;

use crate::plugin_folders::{PluginFolders, id};
use crate::runner::run_at;
use crate::test_database::{
    Connection, GUEST, TestDatabase, execute, query_one, skip_on_one_connection,
};

const SETTINGS: &str = "SELECT string_agg(concat_ws('=', name, current_setting(name, true)), ' ' ORDER BY name) FROM \
                     unnest(ARRAY['search_path', 'role', 'session_authorization', 'TimeZone', 'app.tenant', \
                     'statement_timeout', 'work_mem', 'DateStyle']) AS name";

const IN_TRANSACTION: [&str; 10] = [
    "SET search_path = public",
    "SET ROLE ROLE_NAME",
    "SET LOCAL ROLE ROLE_NAME",
    "SET SESSION AUTHORIZATION ROLE_NAME",
    "SET TIME ZONE 'UTC'; SET app.tenant = 'other'; SET statement_timeout = '1min'",
    "RESET ALL; SET app.tenant = 'x'",
    "SET work_mem = '8MB'; SET LOCAL work_mem = '4MB'",
    "SELECT set_config('search_path', 'public', false); SET LOCAL search_path = pg_temp, \"a b\"",
    "DO $$ BEGIN EXECUTE 'SET DateStyle = ISO'; END $$",
    "SET standard_conforming_strings = off; SET backslash_quote = off",
];

const WITHOUT_TRANSACTION: [&str; 6] = [
    "SET search_path = public; SELECT 1",
    "SET ROLE ROLE_NAME",
    "SET SESSION AUTHORIZATION ROLE_NAME",
    "RESET ALL; SET app.tenant = 'x'",
    "DISCARD TEMP; RESET ALL; SELECT 'app.tenant'",
    "BEGIN; SET LOCAL ROLE ROLE_NAME; COMMIT; SET work_mem = '8MB'",
];

/// Creates a plugin with the migration between two others, and the last one stores the settings that it sees.
fn plugins(sql: &str, in_transaction: bool) -> PluginFolders {
    let sql = sql.replace("ROLE_NAME", GUEST);
    let metadata = format!("run_in_transaction = {in_transaction}");
    PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.seen (settings text)",
        ),
        ("2_b/up.sql", sql.as_str()),
        ("2_b/metadata.toml", metadata.as_str()),
        (
            "3_c/up.sql",
            &format!("INSERT INTO plugin_shop.seen {SETTINGS}"),
        ),
    ])
}

/// Runs the migration between two others, and returns the connection's settings before and after.
fn before_and_after(database: &TestDatabase, sql: &str, in_transaction: bool) -> (String, String) {
    let plugins = plugins(sql, in_transaction);
    execute(
        &mut database.connect(),
        "DROP SCHEMA IF EXISTS plugin_shop CASCADE",
    );
    let connection = &mut connection(database);
    let before = query_one(connection, SETTINGS);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert!(
        report.is_success(),
        "{sql}: {:?}",
        report.errors().map(ToString::to_string).collect::<Vec<_>>()
    );
    let after = query_one(connection, SETTINGS);
    assert_eq!(
        query_one(connection, "SELECT settings FROM plugin_shop.seen"),
        before,
        "{sql}: the next migration"
    );
    (before, after)
}

fn connection(database: &TestDatabase) -> Connection {
    let mut connection = database.connect();
    execute(
        &mut connection,
        // In PGlite the first is empty until it is set.
        "SELECT set_config('session_authorization', session_user, false); SET search_path = pg_temp, \"a b\"; SET TimeZone = 'Europe/Zurich'; SET app.tenant = 'it''s $a$ \\ me'; \
         SET statement_timeout = '1h'; SET DateStyle = 'German'",
    );
    connection
}

#[test]
fn settings_are_restored_after_a_migration_in_a_transaction() {
    let database = TestDatabase::new();
    for sql in IN_TRANSACTION {
        let (before, after) = before_and_after(&database, sql, true);
        assert_eq!(before, after, "{sql}");
    }
}

#[test]
fn settings_are_restored_after_a_migration_without_a_transaction() {
    let database = TestDatabase::new();
    for sql in WITHOUT_TRANSACTION {
        let (before, after) = before_and_after(&database, sql, false);
        assert_eq!(before, after, "{sql}");
    }
}

#[test]
fn a_connection_of_the_runner_goes_back_to_the_settings_of_its_url() {
    // A PGlite does not know who has connected, so the settings are read there as on a caller's connection.
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let options =
        "options=-c%20app.tenant%3Dme%20-c%20search_path%3Dpg_temp%20-c%20statement_timeout%3D1h";
    let separator = if database.url().contains('?') {
        '&'
    } else {
        '?'
    };
    let url: DatabaseUrl = format!("{}{separator}{options}", database.url())
        .parse()
        .unwrap();
    let expected = query_one(&mut url.connect().unwrap(), SETTINGS);
    assert!(expected.contains("app.tenant=me"), "{expected}");
    let in_transaction = IN_TRANSACTION.into_iter().map(|sql| (sql, true));
    let without = WITHOUT_TRANSACTION.into_iter().map(|sql| (sql, false));
    for (sql, in_transaction) in in_transaction.chain(without) {
        let report = run_at(&plugins(sql, in_transaction).migrator(), &url).unwrap();
        assert!(report.is_success(), "{sql}: {report:?}");
        let connection = &mut database.connect();
        assert_eq!(
            query_one(connection, "SELECT settings FROM plugin_shop.seen"),
            expected,
            "{sql}"
        );
        execute(connection, "DROP SCHEMA plugin_shop CASCADE");
    }
}

#[test]
fn a_setting_that_an_earlier_function_changes_does_not_reach_the_next_migration() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE FUNCTION plugin_shop.f() RETURNS text LANGUAGE sql \
             AS $$ SELECT set_config('search_path', 'public', false) $$",
        ),
        ("2_b/up.sql", "SELECT plugin_shop.f()"),
        (
            "3_c/up.sql",
            "CREATE TABLE plugin_shop.seen AS SELECT current_setting('search_path') AS path",
        ),
        ("4_d/up.sql", "SELECT plugin_shop.f()"),
        (
            "5_e/up.sql",
            "INSERT INTO plugin_shop.seen SELECT current_setting('search_path')",
        ),
        ("5_e/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
    assert!(report.is_success(), "{report:?}");
    let connection = &mut database.connect();
    let default = query_one(connection, "SELECT current_setting('search_path')");
    let seen = query_one(connection, "SELECT DISTINCT path FROM plugin_shop.seen");
    assert_eq!(seen, default);
}

#[test]
fn settings_are_restored_after_a_failure() {
    for in_transaction in [true, false] {
        let plugins = PluginFolders::shop(&[
            (
                "1_a/up.sql",
                &format!(
                    "SET ROLE {GUEST}; SET search_path = public; SET app.tenant = 'x'; SELECT 1/0"
                ),
            ),
            (
                "1_a/metadata.toml",
                &format!("run_in_transaction = {in_transaction}"),
            ),
        ]);
        let database = TestDatabase::new();
        let connection = &mut connection(&database);
        let before = query_one(connection, SETTINGS);
        assert!(
            !plugins
                .migrator()
                .run(connection, &[])
                .unwrap()
                .is_success()
        );
        assert_eq!(query_one(connection, SETTINGS), before);
    }
}

#[test]
fn set_transaction_is_sent_before_the_first_query() {
    let database = TestDatabase::new();
    let modes = "SELECT current_setting('transaction_isolation') || current_setting('transaction_deferrable')";
    for redo in [false, true] {
        let plugins = PluginFolders::shop(&[
            (
                "1_a/up.sql",
                &format!(
                    "-- ü\nSET LOCAL lock_timeout = '1s';\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE, DEFERRABLE;\n\
                     CREATE TABLE plugin_shop.seen AS {modes} AS modes;"
                ),
            ),
            (
                "1_a/down.sql",
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; DROP TABLE plugin_shop.seen",
            ),
        ]);
        let connection = &mut database.connect();
        if redo {
            plugins.migrator().redo(connection, &id("shop")).unwrap();
        } else {
            let report = plugins.migrator().run(connection, &[]).unwrap();
            assert!(
                report.is_success(),
                "{:?}",
                report.errors().map(ToString::to_string).collect::<Vec<_>>()
            );
        }
        assert_eq!(
            query_one(connection, "SELECT modes FROM plugin_shop.seen"),
            "serializableon"
        );
        assert_eq!(
            query_one(
                connection,
                "SELECT current_setting('default_transaction_isolation')"
            ),
            "read committed"
        );
    }
}
