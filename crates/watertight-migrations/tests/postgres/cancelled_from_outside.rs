//! Migrations that another session or a setting cancels: over at once, and nothing is run twice.

use std::thread;

use crate::interrupts::wait_until;
use crate::plugin_folders::PluginFolders;
use crate::test_database::{TestDatabase, execute, query_one, skip_on_one_connection};

const SLEEPS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";

/// Runs a migration that fails after it has counted itself, and calls `meanwhile` then. Returns the error and how often it
/// ran.
fn run(sql: &str, meanwhile: impl FnOnce(&TestDatabase)) -> (String, String) {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    // The next value of a sequence survives a rollback.
    execute(
        connection,
        "CREATE SCHEMA plugin_count; CREATE SEQUENCE plugin_count.runs; CREATE TABLE plugin_count.held ()",
    );
    let holder = &mut database.connect();
    execute(holder, "BEGIN; LOCK TABLE plugin_count.held");
    let sql = format!("SELECT nextval('plugin_count.runs'); {sql}; SELECT pg_sleep(600)");
    let plugins = PluginFolders::shop(&[("1_a/up.sql", &sql)]);
    let migrator = plugins.migrator();
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(database.database_url(), &[]));
        meanwhile(&database);
        run.join().unwrap().unwrap()
    });
    let error = plugins.error(&report);
    let runs = query_one(connection, "SELECT last_value FROM plugin_count.runs");
    let sleeps = query_one(connection, SLEEPS);
    assert_eq!(sleeps, "false");
    (error, runs)
}

#[test]
fn a_migration_that_another_session_cancels_is_not_run_again() {
    if skip_on_one_connection() {
        return;
    }
    let (error, runs) = run("SELECT 1", |database| {
        wait_until(database.database_url(), SLEEPS);
        execute(
            &mut database.connect(),
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
    });
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to user request
     --> shop/1_a/up.sql:1
      |
    1 | SELECT nextval('plugin_count.runs'); SELECT 1; SELECT pg_sleep(600)
      |
    hint: somebody cancelled it, for example with `pg_cancel_backend`; nothing of this migration was applied; run it again
    ");
    assert_eq!(runs, "1");
}

#[test]
fn a_migration_that_exceeds_statement_timeout_is_not_run_again() {
    if skip_on_one_connection() {
        return;
    }
    let (error, runs) = run("SET LOCAL statement_timeout = 100", |_| ());
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to statement timeout
     --> shop/1_a/up.sql:1
      |
    1 | SELECT nextval('plugin_count.runs'); SET LOCAL statement_timeout = 100; SELECT pg_sleep(600)
      |
    hint: it ran for longer than `statement_timeout`, which `SET LOCAL statement_timeout` in the SQL can raise; nothing of this migration was applied; run it again
    ");
    assert_eq!(runs, "1");
}

#[test]
fn a_migration_that_exceeds_lock_timeout_is_not_run_again() {
    if skip_on_one_connection() {
        return;
    }
    let sql = "SET LOCAL lock_timeout = 100; LOCK TABLE plugin_count.held";
    let (error, runs) = run(sql, |_| ());
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to lock timeout
     --> shop/1_a/up.sql:1
      |
    1 | SELECT nextval('plugin_count.runs'); SET LOCAL lock_timeout = 100; LOCK TABLE plugin_count.held; SELECT pg_sleep(600)
      |
    hint: another session held a lock that it needs for longer than `lock_timeout`, which `SET LOCAL lock_timeout` in the SQL can raise; nothing of this migration was applied; run it again
    ");
    assert_eq!(runs, "1");
}
