//! Runs that lose a connection while PostgreSQL stays up.

use std::num::NonZeroUsize;
use std::thread;

use watertight_migrations::{MigrateError, UnfinishedEffect};

use crate::interrupts::wait_until;
use crate::plugin_folders::{ONE, PluginFolders};
use crate::test_database::{
    TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

const SLEEPS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND wait_event = 'PgSleep'";

#[test]
fn a_terminated_session_stops_only_its_plugin_and_the_error_says_what_it_left() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("other", &[]), ("shop", &[])]);
    let slow = "CREATE TABLE plugin_other.t (); SELECT pg_sleep(600)";
    plugins.write(
        "other",
        &[("1_a/up.sql", "SELECT 1"), ("2_slow/up.sql", slow)],
    );
    plugins.write("shop", &[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let url = database.database_url();
    let migrator = plugins.migrator().jobs(ONE);
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(url, &[]));
        wait_until(url, SLEEPS);
        execute(&mut database.connect(), TERMINATE);
        run.join().unwrap().unwrap()
    });
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 2_slow of plugin `other`: the connection to PostgreSQL was lost: terminating connection due to administrator command
    hint: the server was shut down, or somebody ended the session with `pg_terminate_backend`; nothing of it was applied; run it again
    ");
    insta::assert_snapshot!(report, @"
    other: 1 migration applied; failed at 2_slow
    shop: 1 migration applied
    Applied 2 migrations; 1 is still pending.
    ");
    let connection = &mut database.connect();
    assert_eq!(history(connection, "plugin_other"), ["1"]);
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert!(!relation_exists(connection, "plugin_other.t"));
}

#[test]
fn a_migration_without_a_transaction_says_which_statements_stay_when_its_session_is_terminated() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.t (); SELECT pg_sleep(600)",
        ),
        ("1_a/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let url = database.database_url();
    let migrator = plugins.migrator();
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(url, &[]));
        wait_until(url, SLEEPS);
        execute(&mut database.connect(), TERMINATE);
        run.join().unwrap().unwrap()
    });
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 1_a of plugin `shop`: the connection to PostgreSQL was lost: terminating connection due to administrator command
    hint: the server was shut down, or somebody ended the session with `pg_terminate_backend`; its first statement stays applied, because it runs without a transaction; the statement after that may stay applied too; undo what stays applied or remove it from the SQL, unless it is safe to repeat; run it again
    ");
    let Some(MigrateError::Unfinished(unfinished)) = report.errors().next() else {
        panic!("{report:?}");
    };
    assert!(matches!(
        unfinished.effect,
        UnfinishedEffect::StatementsKept { count: 1, .. }
    ));
}

#[test]
fn two_plugins_whose_sessions_are_terminated_do_not_stop_a_third() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("other", &[]), ("shop", &[]), ("third", &[])]);
    for plugin in ["other", "shop"] {
        plugins.write(plugin, &[("1_slow/up.sql", "SELECT pg_sleep(600)")]);
    }
    plugins.write("third", &[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let url = database.database_url();
    let migrator = plugins.migrator().jobs(NonZeroUsize::new(2).unwrap());
    let both = SLEEPS.replace("> 0", "= 2");
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(url, &[]));
        wait_until(url, &both);
        execute(&mut database.connect(), TERMINATE);
        run.join().unwrap().unwrap()
    });
    assert_eq!(report.errors().count(), 2);
    assert_eq!(report.applied_count(), 1);
    let count = "SELECT count(*) FROM plugin_third.__diesel_schema_migrations";
    assert_eq!(query_one(&mut database.connect(), count), "1");
}
