//! Concurrent runs, and runs that are interrupted.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use watertight_diagnostics::ErrorReport;
use watertight_migrations::{MigrateError, MigrationProgress, Outcome, SkipReason};

use crate::child_process::spawn_run;
use crate::plugin_folders::{PluginFolders, applied};
use crate::runner::run_at;
use crate::test_database::{
    Connection, TestDatabase, execute, history, query_all, query_one, relation_exists,
    skip_on_one_connection, wait_until, without_times,
};

const PLUGINS: [(&str, &[&str]); 3] = [("shop", &[]), ("orders", &["shop"]), ("other", &[])];

#[test]
fn eight_processes_apply_each_migration_exactly_once() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&PLUGINS);
    for (plugin, _) in PLUGINS {
        let schema = format!("plugin_{plugin}");
        plugins.write(
            plugin,
            &[(
                "00_log/up.sql",
                &format!("CREATE TABLE {schema}.log (line int)"),
            )],
        );
        for number in 1..10 {
            let folder = format!("0{number}_step");
            let sql =
                format!("INSERT INTO {schema}.log VALUES ({number}); SELECT pg_sleep(0.005);");
            plugins.write(plugin, &[(&format!("{folder}/up.sql"), &sql)]);
            if number % 3 == 0 {
                plugins.write(
                    plugin,
                    &[(
                        &format!("{folder}/metadata.toml"),
                        "run_in_transaction = false",
                    )],
                );
            }
        }
        let indexes = format!(
            "CREATE INDEX CONCURRENTLY {plugin}_a ON {schema}.log (line); CREATE INDEX CONCURRENTLY {plugin}_b ON {schema}.log ((line + 1));"
        );
        plugins.write(
            plugin,
            &[
                ("10_index/up.sql", &indexes),
                ("10_index/metadata.toml", "run_in_transaction = false"),
            ],
        );
    }
    plugins.write(
        "orders",
        &[("11_shop/up.sql", "ALTER TABLE plugin_shop.log ADD x int")],
    );
    let database = TestDatabase::new();
    let children: Vec<_> = (0..8)
        .map(|_| spawn_run(&plugins, database.url()))
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let connection = &mut database.connect();
    for (plugin, _) in PLUGINS {
        let lines = query_all(
            connection,
            &format!("SELECT line FROM plugin_{plugin}.log ORDER BY line"),
        );
        assert_eq!(
            lines,
            ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
            "{plugin}"
        );
    }
    assert_eq!(
        query_one(
            connection,
            "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        ),
        "0"
    );
    assert_eq!(history(connection, "plugin_orders").len(), 12);
}

/// Waits until another session runs `pg_sleep`, or until none does.
fn wait_for_sleep(connection: &mut Connection, expected: bool) {
    wait_until(
        connection,
        &format!(
            "SELECT {expected} = EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event = 'PgSleep')"
        ),
    );
}

#[test]
fn a_killed_run_leaves_a_migration_applied_and_recorded_or_neither() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int); SELECT pg_sleep(1); CREATE TABLE plugin_shop.b (a int)",
        ),
        (
            "2_c/up.sql",
            "SELECT pg_sleep(1); CREATE TABLE plugin_shop.c (a int)",
        ),
        ("2_c/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    for _ in 0..2 {
        let mut child = spawn_run(&plugins, database.url());
        wait_for_sleep(connection, true);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for_sleep(connection, false);
        thread::sleep(Duration::from_millis(200));
        let recorded = history(connection, "plugin_shop");
        for table in ["a", "b"] {
            assert_eq!(
                relation_exists(connection, &format!("plugin_shop.{table}")),
                recorded.contains(&"1".to_owned())
            );
        }
        assert_eq!(
            relation_exists(connection, "plugin_shop.c"),
            recorded.contains(&"2".to_owned())
        );
    }
    assert!(
        plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success()
    );
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
}

#[test]
fn a_run_that_times_out_names_the_session_that_holds_the_lock() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT pg_sleep(2)")]);
    let database = TestDatabase::new();
    let slow = &mut database.connect();
    execute(slow, "SET application_name = 'slow-deploy'");
    let connection = &mut database.connect();
    let pid = query_one(slow, "SELECT pg_backend_pid()");
    let migrator = plugins.migrator();
    let timing_out = plugins.migrator().lock_timeout(Duration::from_millis(200));
    thread::scope(|scope| {
        scope.spawn(|| assert!(migrator.run(slow, &[]).unwrap().is_success()));
        wait_for_sleep(connection, true);
        let report = timing_out.run(connection, &[]).unwrap();
        let error = without_times(&plugins.error(&report)).replace(&pid, "PID");
        insta::assert_snapshot!(error, @"
        error: failed to apply migration 1_a of plugin `shop`: process PID (slow-deploy, active since TIME) still holds the lock after 0.2 s
        hint: wait for it to end, or end it with `SELECT pg_terminate_backend(PID)`
        ");
    });
    assert_eq!(applied(&timing_out.run(connection, &[]).unwrap()), [""; 0]);
}

/// Starts a run whose migration does not end, and another run. Calls `on_wait` when that one reports that it waits, with
/// the process id of the first. Returns the number of reports, and what the other run applied.
fn run_that_waits(on_wait: impl Fn(&TestDatabase, &str) + Sync) -> (usize, Vec<bool>) {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT pg_advisory_xact_lock(42)")]);
    let database = TestDatabase::new();
    let gate = &mut database.connect();
    execute(gate, "SELECT pg_advisory_lock(42)");
    let first = &mut database.connect();
    execute(first, "SET application_name = 'first'");
    let pid = query_one(first, "SELECT pg_backend_pid()");
    let (waits, waiting) = channel();
    let second = plugins.migrator().on_progress(move |progress| {
        if let MigrationProgress::Waiting { holder, .. } = progress {
            waits.send(holder.to_string()).unwrap();
        }
    });
    thread::scope(|scope| {
        scope.spawn(|| plugins.migrator().run(first, &[]));
        let blocked = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
        wait_until(&mut database.connect(), blocked);
        let second = scope.spawn(|| run_at(&second, database.database_url()));
        let report = waiting.recv().unwrap();
        assert_eq!(
            without_times(&report),
            format!("process {pid} (first, active since TIME)")
        );
        on_wait(&database, &pid);
        execute(gate, "SELECT pg_advisory_unlock(42)");
        let report = second.join().unwrap().unwrap();
        assert!(report.is_success(), "{report}");
        let by_another_run = report.plugins[0]
            .applied
            .iter()
            .map(|migration| migration.by_another_run);
        (1 + waiting.try_iter().count(), by_another_run.collect())
    })
}

#[test]
fn a_run_waits_as_long_as_another_one_is_alive_and_reports_once_for_whom() {
    if skip_on_one_connection() {
        return;
    }
    assert_eq!(run_that_waits(|_, _| ()), (1, vec![true]));
}

#[test]
fn a_run_that_waits_continues_when_the_other_one_is_killed() {
    if skip_on_one_connection() {
        return;
    }
    let kill = |database: &TestDatabase, pid: &str| {
        execute(
            &mut database.connect(),
            &format!("SELECT pg_terminate_backend({pid})"),
        );
    };
    assert_eq!(run_that_waits(kill), (1, vec![false]));
}

#[test]
fn a_lost_connection_ends_the_run_and_is_reported() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    plugins.write(
        "shop",
        &[(
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.a (a int); SELECT pg_terminate_backend(pg_backend_pid())",
        )],
    );
    plugins.write("other", &[("1_b/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let report = plugins
        .migrator()
        .run(&mut database.connect(), &[])
        .unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 1_a of plugin `shop`: the connection to PostgreSQL was lost: terminating connection due to administrator command
    hint: the server was shut down, or somebody ended the session with `pg_terminate_backend`; whether it was applied is unknown; check the status when PostgreSQL is back
    ");
    assert!(matches!(
        report.plugins[1].outcome,
        Outcome::Skipped(SkipReason::NoConnection)
    ));
    assert!(!relation_exists(&mut database.connect(), "plugin_shop.a"));
}

#[test]
fn a_dead_connection_is_reported() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let pid = query_one(connection, "SELECT pg_backend_pid()");
    execute(
        &mut database.connect(),
        &format!("SELECT pg_terminate_backend({pid})"),
    );
    thread::sleep(Duration::from_millis(100));
    let error = plugins.migrator().status(connection).unwrap_err();
    assert!(
        matches!(error, MigrateError::ConnectionLost { .. }),
        "{error}"
    );
}

#[test]
fn a_run_continues_with_fewer_connections_than_requested() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("other", &[])]);
    for plugin in ["shop", "other"] {
        plugins.write(plugin, &[("1_a/up.sql", "SELECT pg_sleep(0.05)")]);
    }
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let name = query_one(connection, "SELECT current_database()");
    execute(
        connection,
        &format!(
            "DO $$ BEGIN CREATE ROLE watertight_test_limited LOGIN CONNECTION LIMIT 1; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
             GRANT CREATE ON DATABASE \"{name}\" TO watertight_test_limited"
        ),
    );
    let user = format!("{}@", database.database_url().user_name());
    let limited = database
        .url()
        .replacen(&user, "watertight_test_limited@", 1);
    let report = plugins
        .migrator()
        .run_on(&limited.parse().unwrap(), &[])
        .unwrap();
    assert!(report.is_success());
    let reason = report.fewer_connections.unwrap();
    assert!(reason.contains("too many connections for role"), "{reason}");

    let nowhere = "postgres://postgres@127.0.0.1:1/none?sslmode=disable"
        .parse()
        .unwrap();
    let error = plugins.migrator().run_on(&nowhere, &[]).unwrap_err();
    insta::assert_snapshot!(ErrorReport::new(&error), @r"
    error: failed to connect to postgres://postgres@127.0.0.1:1/none?sslmode=disable: 127.0.0.1 port 1: Connection refused (os error 111)
    hint: start the server, or correct the host and port
    ");
}
