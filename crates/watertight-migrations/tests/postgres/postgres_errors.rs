//! Errors that another session, a setting or the server causes, and what their hints say.

use std::thread;
use std::time::{Duration, Instant};

use crate::plugin_folders::PluginFolders;
use crate::runner::run_at;
use crate::test_database::{Connection, TestDatabase, execute, query_one, skip_on_one_connection};

/// Returns the error of a migration with this SQL, which is the same on connections of the runner's own and on the
/// caller's.
fn error(sql: &str) -> String {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", sql)]);
    let database = TestDatabase::new();
    let on_own = run_at(&plugins.migrator(), database.database_url()).unwrap();
    let on_own = plugins.error(&on_own);
    let migrator = plugins.migrator();
    let on_callers = migrator.run(&mut database.connect(), &[]).unwrap();
    assert_eq!(on_own, plugins.error(&on_callers));
    on_own
}

#[test]
fn a_statement_timeout_is_explained() {
    if skip_on_one_connection() {
        return;
    }
    insta::assert_snapshot!(error("SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(30);"), @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to statement timeout
     --> shop/1_a/up.sql:1
      |
    1 | SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(30);
      |
    hint: it ran for longer than `statement_timeout`, which `SET LOCAL statement_timeout` in the SQL can raise; nothing of this migration was applied; run it again
    ");
}

#[test]
fn a_cancel_is_explained() {
    if skip_on_one_connection() {
        return;
    }
    insta::assert_snapshot!(error("SELECT pg_cancel_backend(pg_backend_pid());\nSELECT pg_sleep(30);"), @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to user request
     --> shop/1_a/up.sql:1
      |
    1 | SELECT pg_cancel_backend(pg_backend_pid());
      |
    hint: somebody cancelled it, for example with `pg_cancel_backend`; nothing of this migration was applied; run it again
    ");
}

#[test]
fn a_commit_in_a_block_is_explained() {
    insta::assert_snapshot!(error("DO $$ BEGIN EXECUTE 'SELECT 1'; COMMIT; END $$;"), @"
    error: failed to apply migration 1_a of plugin `shop`: invalid transaction termination
     --> shop/1_a/up.sql:1
      |
    1 | DO $$ BEGIN EXECUTE 'SELECT 1'; COMMIT; END $$;
      |
    hint: set `run_in_transaction = false` in the migration's metadata.toml; nothing of this migration was applied; fix the SQL and run it again
    ");
}

#[test]
fn a_session_that_was_ended_is_explained() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[(
        "1_a/up.sql",
        "SELECT pg_terminate_backend(pg_backend_pid());\nSELECT pg_sleep(30);",
    )]);
    let database = TestDatabase::new();
    let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 1_a of plugin `shop`: the connection to PostgreSQL was lost: terminating connection due to administrator command
    hint: the server was shut down, or somebody ended the session with `pg_terminate_backend`; nothing of it was applied; run it again
    ");
}

#[test]
fn set_transaction_after_a_query_needs_no_migration_without_a_transaction() {
    insta::assert_snapshot!(error("SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;"), @"
    error: failed to apply migration 1_a of plugin `shop`: SET TRANSACTION ISOLATION LEVEL must be called before any query
     --> shop/1_a/up.sql:1
      |
    1 | SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
      |
    hint: nothing of this migration was applied; fix the SQL and run it again
    ");
}

#[test]
fn a_read_only_transaction_is_explained() {
    insta::assert_snapshot!(error("SET TRANSACTION READ ONLY; SELECT 1;"), @"
    error: failed to apply migration 1_a of plugin `shop`: its SQL ran, its history row could not be written: cannot execute INSERT in a read-only transaction
    hint: the SQL, `default_transaction_read_only` or a standby makes the transaction read-only; nothing of this migration was applied; run it again
    ");
}

/// Waits until another session holds, or waits for, a lock on this table.
fn wait_for_lock(connection: &mut Connection, table: &str, granted: bool) {
    let locks = format!(
        "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND granted = {granted} \
         AND pid <> pg_backend_pid()"
    );
    let start = Instant::now();
    while query_one(connection, &locks) == "0" {
        assert!(start.elapsed() < Duration::from_secs(30), "no lock");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_lock_timeout_is_explained() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[(
        "1_a/up.sql",
        "SET LOCAL lock_timeout = '50ms';\nLOCK TABLE public.gate;",
    )]);
    let database = TestDatabase::new();
    let other = &mut database.connect();
    execute(other, "CREATE TABLE public.gate (a int)");
    execute(other, "BEGIN; LOCK TABLE public.gate");
    let report = plugins
        .migrator()
        .run(&mut database.connect(), &[])
        .unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 1_a of plugin `shop`: canceling statement due to lock timeout
     --> shop/1_a/up.sql:2
      |
    2 | LOCK TABLE public.gate;
      |
    hint: another session held a lock that it needs for longer than `lock_timeout`, which `SET LOCAL lock_timeout` in the SQL can raise; nothing of this migration was applied; run it again
    ");
    execute(other, "DROP TABLE public.gate; COMMIT");
}

#[test]
fn a_deadlock_is_explained() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[(
        "1_a/up.sql",
        "SET LOCAL deadlock_timeout = '50ms'; LOCK TABLE public.second;\n\
         DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'public.second'::regclass AND NOT granted) \
         LOOP PERFORM pg_sleep(0.002); END LOOP; END $$;\n\
         LOCK TABLE public.first;",
    )]);
    let database = TestDatabase::new();
    let other = &mut database.connect();
    execute(
        other,
        "CREATE TABLE public.first (a int); CREATE TABLE public.second (a int)",
    );
    execute(other, "SET deadlock_timeout = '1min'");
    execute(other, "BEGIN; LOCK TABLE public.first");
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| {
            let connection = &mut database.connect();
            plugins.migrator().run(connection, &[]).unwrap()
        });
        wait_for_lock(other, "public.second", true);
        execute(other, "LOCK TABLE public.second");
        run.join().unwrap()
    });
    execute(other, "DROP TABLE public.first, public.second; COMMIT");
    let error = plugins.error(&report);
    let (before, processes) = error.split_once(" (Process").unwrap();
    let after = processes.split_once(")\n").unwrap().1;
    insta::assert_snapshot!(format!("{before}\n{after}"), @"
    error: failed to apply migration 1_a of plugin `shop`: deadlock detected
     --> shop/1_a/up.sql:3
      |
    3 | LOCK TABLE public.first;
      |
    hint: See server log for query details; it and another session waited for each other's locks; nothing of this migration was applied; run it again
    ");
}

/// The snapshot of the transaction is older than the other run's history row, which its check does not see.
#[test]
fn a_migration_of_an_older_snapshot_that_another_run_has_applied_is_no_failure() {
    if skip_on_one_connection() {
        return;
    }
    for sql in [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; LOCK TABLE public.gate",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; LOCK TABLE public.gate; CREATE TABLE plugin_shop.t (a int)",
    ] {
        let plugins = PluginFolders::shop(&[("1_a/up.sql", sql), ("2_b/up.sql", "SELECT 1")]);
        let database = TestDatabase::new();
        let other = &mut database.connect();
        execute(other, "CREATE TABLE public.gate (a int)");
        execute(other, "BEGIN; LOCK TABLE public.gate");
        let report = thread::scope(|scope| {
            let run = scope.spawn(|| run_at(&plugins.migrator(), database.database_url()).unwrap());
            wait_for_lock(other, "public.gate", false);
            execute(
                other,
                "INSERT INTO plugin_shop.__diesel_schema_migrations VALUES ('1'); \
                 CREATE TABLE plugin_shop.t (a int); COMMIT",
            );
            run.join().unwrap()
        });
        assert!(report.is_success(), "{}", plugins.error(&report));
        let by: Vec<_> = report.plugins[0]
            .applied
            .iter()
            .map(|it| it.by_another_run)
            .collect();
        assert_eq!(by, [true, false]);
        execute(other, "DROP TABLE public.gate");
    }
}
