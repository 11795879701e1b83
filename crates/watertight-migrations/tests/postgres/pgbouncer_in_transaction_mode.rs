//! Behind PgBouncer in transaction mode everything works but what needs a session of its own, and that is refused before
//! anything is sent.

use std::thread;
use std::time::{Duration, Instant};

use watertight_diagnostics::ErrorReport;
use watertight_migrations::Migrator;

use crate::child_process::spawn_run_on;
use crate::interrupts::{SLEEPS, wait_until};
use crate::pgbouncer::{
    ADVISORY_LOCKS, DEFAULT_SETTINGS, assert_no_lock_is_left, plugins, run_four_times_at_once,
    rust_migrator, write_index,
};
use crate::plugin_folders::{PluginFolders, applied};
use crate::pooler::{Pooler, version};
use crate::rounds::{rounds, spread};
use crate::runner::{run_at, status_at};
use crate::test_database::{GUEST, TestDatabase, execute, history, query_one, relation_exists};

const TRANSACTION: &str = "pool_mode = transaction";

const HINT: &str =
    "hint: connect to PostgreSQL directly, or set `pool_mode = session` in PgBouncer";

/// Calls `test` with a PgBouncer in transaction mode that knows nothing of prepared statements, and with one that replaces
/// them by its own.
fn in_transaction_mode(test: impl Fn(&TestDatabase, &Pooler)) {
    in_transaction_mode_with("RESET timezone", test);
}

/// Like [`in_transaction_mode`], with a setting of the database.
fn in_transaction_mode_with(setting: &str, test: impl Fn(&TestDatabase, &Pooler)) {
    let new_database = || {
        let database = TestDatabase::new();
        database.alter(setting);
        database
    };
    let database = new_database();
    let Some(pooler) = Pooler::start(&database, TRANSACTION) else {
        return;
    };
    test(&database, &pooler);
    drop(pooler);
    for statements in [0, 200] {
        if version() < Some((1, 21)) {
            eprintln!("skipped: this PgBouncer has no max_prepared_statements = {statements}");
            continue;
        }
        let database = new_database();
        let settings = format!("{TRANSACTION}\nmax_prepared_statements = {statements}");
        let pooler = Pooler::start(&database, &settings).unwrap();
        test(&database, &pooler);
    }
}

#[test]
fn in_transaction_mode_each_migration_is_applied_once_and_changes_no_setting_of_a_server() {
    in_transaction_mode(|database, pooler| {
        let plugins = plugins();
        run_four_times_at_once(&plugins, database, pooler);
        pooler.on_each_server(DEFAULT_SETTINGS);
        assert_eq!(
            history(&mut database.connect(), "plugin_orders"),
            ["1", "2", "3", "4", "5"]
        );
        let again = run_at(&plugins.migrator(), pooler.url()).unwrap();
        assert_eq!(applied(&again), [""; 0]);
        let status = status_at(&plugins.migrator(), pooler.url()).unwrap();
        assert!(
            status
                .iter()
                .all(|plugin| plugin.pending().next().is_none())
        );
    });
}

#[test]
fn in_transaction_mode_a_failed_migration_is_rolled_back_and_located() {
    in_transaction_mode(|database, pooler| {
        let plugins = PluginFolders::shop(&[
            ("1_a/up.sql", "CREATE TABLE plugin_shop.a (a int)"),
            (
                "2_b/up.sql",
                "CREATE TABLE plugin_shop.b (a int);\nSET search_path = pg_catalog;\nSELECT 1/0;",
            ),
        ]);
        let report = run_at(&plugins.migrator(), pooler.url()).unwrap();
        assert!(
            plugins.error(&report).contains("shop/2_b/up.sql:3"),
            "{}",
            plugins.error(&report)
        );
        assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
        assert!(!relation_exists(&mut database.connect(), "plugin_shop.b"));
        pooler.on_each_server(DEFAULT_SETTINGS);
        assert_no_lock_is_left(database);
    });
}

/// What a migration may leave in a session, apart from what is on a server from the start.
const LEAVES: [&str; 6] = [
    "SET search_path = pg_catalog; SET LOCAL search_path = public; SET work_mem = '8MB'; SET app.tenant = 'x'",
    "SET TIME ZONE 'Asia/Tokyo'; SET DateStyle = 'German'; SET application_name = 'x'",
    "SET ROLE GUEST; RESET ALL; SET standard_conforming_strings = off",
    "CREATE TEMPORARY TABLE log (line int); INSERT INTO log VALUES (1); PREPARE p AS SELECT 1",
    "SELECT plugin_shop.change_settings()",
    "SET session_replication_role = replica; SET SESSION AUTHORIZATION GUEST",
];

/// Fails on a server that is not as a new one, apart from the settings that PgBouncer keeps for each client.
const AS_NEW: &str = "DO $$ BEGIN IF session_user <> 'watertight' OR current_user <> 'watertight' \
    OR coalesce(current_setting('app.tenant', true), '') <> '' \
    OR EXISTS (SELECT FROM pg_prepared_statements) \
    OR EXISTS (SELECT FROM pg_class WHERE relname = 'log' AND relpersistence = 't') \
    OR EXISTS (SELECT FROM pg_settings WHERE source = 'session' AND name NOT IN ('application_name', \
    'client_encoding', 'DateStyle', 'standard_conforming_strings', 'TimeZone')) \
    THEN RAISE 'changed'; END IF; END $$";

/// Fails for a client that sets none of the settings that PgBouncer keeps for each client, and sees one of another.
const KEPT: &str = "DO $$ BEGIN IF current_setting('TimeZone') <> 'Europe/Zurich' \
    OR current_setting('DateStyle') <> 'ISO, MDY' OR current_setting('standard_conforming_strings') <> 'on' \
    THEN RAISE 'changed'; END IF; END $$";

#[test]
fn in_transaction_mode_a_migration_leaves_nothing_in_the_sessions_of_other_clients() {
    for sql in LEAVES {
        let sql = sql.replace("GUEST", GUEST);
        in_transaction_mode_with("SET timezone = 'Europe/Zurich'", |database, pooler| {
            let plugins = PluginFolders::shop(&[
                (
                    "1_a/up.sql",
                    "CREATE TABLE plugin_shop.seen (zone text, role text, path text); \
                     CREATE FUNCTION plugin_shop.change_settings() RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
                     SET statement_timeout = '1h'; SET TIME ZONE 'Asia/Tokyo'; END $$",
                ),
                ("2_b/up.sql", &sql),
                (
                    "3_c/up.sql",
                    "INSERT INTO plugin_shop.seen VALUES (current_setting('TimeZone'), current_user, \
                     current_setting('search_path'))",
                ),
            ]);
            let report = run_at(&plugins.migrator(), pooler.url()).unwrap();
            assert!(report.is_success(), "{sql}: {}", plugins.error(&report));
            let connection = &mut database.connect();
            assert_eq!(
                query_one(
                    connection,
                    "SELECT concat_ws(' ', zone, role, path) FROM plugin_shop.seen"
                ),
                "UTC watertight \"$user\", public",
                "{sql}"
            );
            let in_utc = "SELECT bool_and(abs(extract(epoch FROM now() AT TIME ZONE 'UTC' - run_on)) < 600) \
                          FROM plugin_shop.__diesel_schema_migrations";
            assert_eq!(query_one(connection, in_utc), "true", "{sql}");
            pooler.on_each_server(AS_NEW);
            pooler.on_each_server(KEPT);
            assert_no_lock_is_left(database);
        });
    }
}

#[test]
fn in_transaction_mode_nothing_runs_after_a_failure() {
    in_transaction_mode(|database, pooler| {
        let plugins =
            PluginFolders::shop(&[("01_a/up.sql", "CREATE TABLE plugin_shop.log (line int)")]);
        for number in 2..=40 {
            let sql = match number {
                // One that runs and one that cannot be parsed.
                20 => "INSERT INTO plugin_shop.log VALUES (20), (1 / 0)".to_owned(),
                30 => "INSERT INTO".to_owned(),
                number => format!("INSERT INTO plugin_shop.log VALUES ({number})"),
            };
            plugins.write("shop", &[(&format!("{number:02}_b/up.sql"), &sql)]);
        }
        for (failed, fix) in [(20, "20_b"), (30, "30_b")] {
            let report = run_at(&plugins.migrator(), pooler.url()).unwrap();
            let error = plugins.error(&report);
            assert!(error.contains(&format!("shop/{fix}/up.sql:1")), "{error}");
            let lines = "SELECT count(*) || ' ' || max(line) FROM plugin_shop.log";
            let expected = format!("{} {}", failed - 2, failed - 1);
            assert_eq!(query_one(&mut database.connect(), lines), expected);
            assert_no_lock_is_left(database);
            let sql = format!("INSERT INTO plugin_shop.log VALUES ({failed})");
            plugins.write("shop", &[(&format!("{fix}/up.sql"), &sql)]);
        }
        let report = run_at(&plugins.migrator(), pooler.url()).unwrap();
        assert!(report.is_success(), "{}", plugins.error(&report));
        pooler.on_each_server(AS_NEW);
    });
}

const KILLS: usize = 20;

/// Returns the migrations that are recorded although their table does not exist, or the other way round.
fn half_applied(database: &TestDatabase) -> String {
    let connection = &mut database.connect();
    if !relation_exists(connection, "plugin_shop.__diesel_schema_migrations") {
        return String::new();
    }
    query_one(
        connection,
        "SELECT coalesce(version, relname) FROM plugin_shop.__diesel_schema_migrations FULL JOIN \
         (SELECT relname FROM pg_class WHERE relnamespace = 'plugin_shop'::regnamespace AND relname LIKE 'r%') AS tables \
         ON relname = 'r' || version WHERE version IS NULL OR relname IS NULL",
    )
}

#[test]
#[ignore = "kills a run twenty times; CI runs it"]
fn in_transaction_mode_a_run_that_is_killed_at_any_time_leaves_no_lock_and_nothing_half_applied() {
    let database = TestDatabase::new();
    let Some(pooler) = Pooler::start(&database, TRANSACTION) else {
        return;
    };
    let plugins = PluginFolders::shop(&[]);
    for version in 1..=20 {
        let sql = format!(
            "CREATE TABLE plugin_shop.r{version} (); SET search_path = pg_catalog; SELECT pg_sleep(0.002)"
        );
        plugins.write("shop", &[(&format!("{version}_a/up.sql"), &sql)]);
    }
    for round in 0..rounds(KILLS) {
        let mut child = spawn_run_on(&plugins, pooler.url().expose_secret());
        // A run takes about a tenth of a second.
        thread::sleep(Duration::from_millis(spread(round, 120) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(half_applied(&database), "", "round {round}");
        let start = Instant::now();
        while query_one(&mut database.connect(), ADVISORY_LOCKS) != "0" {
            assert!(start.elapsed() < Duration::from_secs(30), "a lock stays");
            thread::sleep(Duration::from_millis(2));
        }
        pooler.on_each_server(AS_NEW);
        let report = run_at(&plugins.migrator(), pooler.url()).unwrap();
        assert!(
            report.is_success(),
            "round {round}: {}",
            plugins.error(&report)
        );
        assert_eq!(half_applied(&database), "", "round {round}");
        assert_eq!(history(&mut database.connect(), "plugin_shop").len(), 20);
        execute(&mut database.connect(), "DROP SCHEMA plugin_shop CASCADE");
    }
}

#[test]
fn in_transaction_mode_an_interrupted_migration_is_rolled_back_and_no_other_client_is_cancelled() {
    in_transaction_mode(|database, pooler| {
        let plugins = PluginFolders::shop(&[
            ("1_a/up.sql", "CREATE TABLE plugin_shop.a ()"),
            (
                "2_b/up.sql",
                "CREATE TABLE plugin_shop.b (); SELECT pg_sleep(600)",
            ),
        ]);
        let migrator = plugins.migrator();
        let report = thread::scope(|scope| {
            let run = scope.spawn(|| migrator.run_on(pooler.url(), &[]).unwrap());
            wait_until(database.database_url(), SLEEPS);
            let other = scope.spawn(|| pooler.client().execute("SELECT pg_sleep(0.5)"));
            migrator.interrupt().stop();
            other.join().unwrap();
            run.join().unwrap()
        });
        assert_eq!(
            plugins.error(&report),
            "error: interrupted: migration 2_b of plugin `shop` was rolled back\nhint: run it again"
        );
        assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
        assert_no_lock_is_left(database);
        pooler.on_each_server(AS_NEW);
    });
}

/// Checks that this is the only error of the run, and that nothing of migration 6 has happened.
fn assert_refused(database: &TestDatabase, pooler: &Pooler, migrator: &Migrator, error: &str) {
    let errors: Vec<_> = match run_at(migrator, pooler.url()) {
        Ok(report) => report
            .errors()
            .map(|error| ErrorReport::new(error).to_string())
            .collect(),
        Err(error) => vec![ErrorReport::new(&error).to_string()],
    };
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0], format!("{error}\n{HINT}"));
    let connection = &mut database.connect();
    assert!(!relation_exists(connection, "plugin_shop.line"));
    if relation_exists(connection, "plugin_shop.__diesel_schema_migrations") {
        assert!(!history(connection, "plugin_shop").contains(&"6".to_owned()));
    }
    pooler.on_each_server(DEFAULT_SETTINGS);
    assert_no_lock_is_left(database);
}

#[test]
fn in_transaction_mode_a_migration_without_a_transaction_is_refused_with_what_to_set() {
    in_transaction_mode(|database, pooler| {
        let plugins = plugins();
        write_index(&plugins, "shop");
        // More than once, because the servers of a pool could be the right ones by chance.
        for _ in 0..3 {
            assert_refused(
                database,
                pooler,
                &plugins.migrator(),
                "error: failed to apply migration 6_index of plugin `shop`: it runs without a transaction, and a connection pooler in transaction mode gives each transaction another session",
            );
        }
        // With a connection of its own it runs.
        let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
        assert!(report.is_success(), "{}", plugins.error(&report));
        assert!(relation_exists(&mut database.connect(), "plugin_shop.line"));
    });
}

/// Over Diesel it uses prepared statements, whose names collide with those of other clients.
#[test]
fn in_transaction_mode_a_rust_migration_is_refused_with_what_to_set() {
    in_transaction_mode(|database, pooler| {
        for in_transaction in [true, false] {
            for _ in 0..3 {
                assert_refused(
                    database,
                    pooler,
                    &rust_migrator(in_transaction),
                    "error: failed to apply migration 6_rust of plugin `shop`: it is a Rust migration, and a connection pooler in transaction mode gives each transaction another session",
                );
            }
        }
    });
}

#[test]
fn in_transaction_mode_a_connection_with_a_session_of_its_own_is_refused_with_what_to_set() {
    in_transaction_mode(|_, pooler| {
        for _ in 0..2 {
            let error = pooler.url().connect_session().err().unwrap();
            let url = pooler.url().to_string();
            let report = ErrorReport::new(&error).to_string().replace(&url, "URL");
            let expected = format!(
                "error: failed to open a session at URL: a connection pooler in transaction mode shares sessions between its clients\n{HINT}"
            );
            assert_eq!(report, expected);
        }
    });
}

/// PgBouncer would ignore it, and the migrations would run with other settings.
#[test]
fn in_transaction_mode_options_of_the_url_are_refused_with_what_to_remove() {
    in_transaction_mode(|_, pooler| {
        let url = format!(
            "{}&options=-c%20work_mem%3D8MB",
            pooler.url().expose_secret()
        );
        let error = status_at(&rust_migrator(true), &url.parse().unwrap()).unwrap_err();
        let report = ErrorReport::new(&error).to_string().replace(&url, "URL");
        let error = "error: failed to connect to URL: unsupported startup parameter";
        assert!(report.starts_with(error), "{report}");
        let hint = "\nhint: a connection pooler does not pass this on: remove it from DATABASE_URL, and set what it is for with `ALTER ROLE` or `ALTER DATABASE`";
        assert!(report.ends_with(hint), "{report}");
    });
}
