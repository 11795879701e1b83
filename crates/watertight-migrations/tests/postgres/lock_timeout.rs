//! PostgreSQL's `lock_timeout` for the statements of a migration.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use watertight_migrations::{MigrationProgress, Migrator, RunReport};

use crate::blocked::{idle_in_transaction, with_items};
use crate::plugin_folders::{PluginFolders, applied};
use crate::runner::run_at;
use crate::test_database::{
    TestDatabase, execute, query_all, query_one, skip_on_one_connection, wait_until, without_times,
};

const SHORT: Duration = Duration::from_millis(300);
const READ: &str = "SELECT count(*) FROM plugin_shop.items";

/// Returns the migrator with a short timeout, and what receives a line for each try that has failed.
fn impatient(plugins: &PluginFolders) -> (Migrator, Receiver<String>) {
    let (sender, timeouts) = channel();
    let migrator = plugins
        .migrator()
        .statement_lock_timeout(SHORT)
        .on_progress(move |progress| {
            if let MigrationProgress::LockTimedOut { .. } = progress {
                sender.send(progress.status_line().unwrap()).unwrap();
            }
        });
    (migrator, timeouts)
}

#[test]
fn readers_pass_a_migration_that_waits_for_another_reader() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let plugins = with_items(&database);
    plugins.write(
        "shop",
        &[
            ("2_b/up.sql", "ALTER TABLE plugin_shop.items ADD a int"),
            ("3_c/up.sql", "ALTER TABLE plugin_shop.items ADD b int"),
        ],
    );
    let (mut holder, _) = idle_in_transaction(&database, &format!("BEGIN; {READ}"));
    let (migrator, timeouts) = impatient(&plugins);
    thread::scope(|scope| {
        let run = scope.spawn(|| run_at(&migrator, database.database_url()).unwrap());
        let mut reader = database.connect();
        wait_until(
            &mut reader,
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'plugin_shop.items'::regclass AND NOT granted)",
        );
        // It queues behind the migration, which would wait for the holder.
        execute(&mut reader, "SET statement_timeout = '20s'");
        assert_eq!(query_one(&mut reader, READ), "0");
        assert_eq!(
            timeouts.recv().unwrap(),
            "shop 2_b was rolled back to let other sessions pass, and is tried again (2 of 10)"
        );
        execute(&mut holder, "ROLLBACK");
        let report = run.join().unwrap();
        assert!(report.is_success(), "{report}");
        assert_eq!(applied(&report), ["2_b", "3_c"]);
    });
}

/// Runs a migration with this SQL, with a short timeout, while a reader holds a lock until the run has ended. Returns its
/// error and the number of tries after the first.
fn fails(sql: &str, run: impl FnOnce(&Migrator, &TestDatabase) -> RunReport) -> (String, usize) {
    let database = TestDatabase::new();
    let plugins = with_items(&database);
    plugins.write("shop", &[("2_b/up.sql", sql)]);
    let (_holder, pid) = idle_in_transaction(&database, &format!("BEGIN; {READ}"));
    let (migrator, timeouts) = impatient(&plugins);
    let report = run(&migrator, &database);
    let error = without_times(&plugins.error(&report)).replace(&pid, "PID");
    (error, timeouts.try_iter().count())
}

#[test]
fn a_migration_that_gets_no_lock_in_ten_tries_fails_and_names_the_holder() {
    if skip_on_one_connection() {
        return;
    }
    let run = |migrator: &Migrator, database: &TestDatabase| {
        run_at(migrator, database.database_url()).unwrap()
    };
    let (error, retries) = fails("SELECT 1;\nALTER TABLE plugin_shop.items ADD a int", run);
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 2_b of plugin `shop`: in 10 tries, it waited too long for a lock on plugin_shop.items held by process PID (reader, idle in transaction since TIME): canceling statement due to lock timeout
     --> shop/2_b/up.sql:2
      |
    2 | ALTER TABLE plugin_shop.items ADD a int
      |
    hint: nothing of this migration was applied; end what it waits for with `SELECT pg_terminate_backend(PID)` and run it again, or let it wait longer with `SET LOCAL lock_timeout = '1min'` at its beginning
    ");
    assert_eq!(retries, 9);
}

#[test]
fn a_migration_over_a_diesel_connection_is_tried_again_too() {
    if skip_on_one_connection() {
        return;
    }
    let run = |migrator: &Migrator, database: &TestDatabase| {
        migrator.run(&mut database.connect(), &[]).unwrap()
    };
    let (error, retries) = fails("ALTER TABLE plugin_shop.items ADD a int", run);
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 2_b of plugin `shop`: in 10 tries, it waited too long for a lock of another session: canceling statement due to lock timeout
     --> shop/2_b/up.sql:1
      |
    1 | ALTER TABLE plugin_shop.items ADD a int
      |
    hint: nothing of this migration was applied; run it again when the other session has ended, or let it wait longer with `SET LOCAL lock_timeout = '1min'` at its beginning
    ");
    assert_eq!(retries, 9);
}

#[test]
fn a_lock_timeout_that_the_migration_sets_is_final() {
    if skip_on_one_connection() {
        return;
    }
    let run = |migrator: &Migrator, database: &TestDatabase| {
        run_at(migrator, database.database_url()).unwrap()
    };
    let sql = "SET LOCAL lock_timeout = '1ms';\nALTER TABLE plugin_shop.items ADD a int";
    let (error, retries) = fails(sql, run);
    insta::assert_snapshot!(error, @"
    error: failed to apply migration 2_b of plugin `shop`: canceling statement due to lock timeout
     --> shop/2_b/up.sql:2
      |
    2 | ALTER TABLE plugin_shop.items ADD a int
      |
    hint: another session held a lock that it needs for longer than `lock_timeout`, which `SET LOCAL lock_timeout` in the SQL can raise; nothing of this migration was applied; run it again
    ");
    assert_eq!(retries, 0);
    let (error, retries) = fails("LOCK TABLE plugin_shop.items NOWAIT", run);
    insta::assert_snapshot!(error, @r#"
    error: failed to apply migration 2_b of plugin `shop`: could not obtain lock on relation "plugin_shop.items"
     --> shop/2_b/up.sql:1
      |
    1 | LOCK TABLE plugin_shop.items NOWAIT
      |
    hint: another session held a lock that it needs; nothing of this migration was applied; run it again
    "#);
    assert_eq!(retries, 0);
}

#[test]
fn a_migration_that_gets_no_lock_because_of_another_plugin_is_applied_after_it() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let plugins = PluginFolders::new(&[("shop", &[]), ("slow", &[])]);
    plugins.write(
        "shop",
        &[("1_a/up.sql", "CREATE TABLE plugin_shop.items (id int)")],
    );
    run_at(&plugins.migrator(), database.database_url()).unwrap();
    let locks = "LOCK TABLE plugin_shop.items; SELECT pg_sleep(2)";
    plugins.write("slow", &[("1_a/up.sql", locks)]);
    let waits = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM plugin_slow.__diesel_schema_migrations) AND NOT EXISTS \
                 (SELECT FROM pg_locks WHERE relation = 'plugin_shop.items'::regclass AND mode = 'AccessExclusiveLock') \
                 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$; ALTER TABLE plugin_shop.items ADD a int";
    plugins.write("shop", &[("2_b/up.sql", waits)]);
    let migrator = plugins
        .migrator()
        .statement_lock_timeout(Duration::from_millis(50));
    let report = run_at(&migrator, database.database_url()).unwrap();
    assert!(report.is_success(), "{report}");
    assert!(report.plugins[0].applied[0].at_second_attempt);
}

#[test]
fn the_lock_timeout_is_five_seconds_unless_the_session_or_the_options_have_another() {
    let migrations = [
        ("1_a/up.sql", "CREATE TABLE plugin_shop.seen (setting text)"),
        (
            "2_b/up.sql",
            "INSERT INTO plugin_shop.seen SELECT '2 ' || current_setting('lock_timeout')",
        ),
        (
            "3_c/up.sql",
            "INSERT INTO plugin_shop.seen SELECT '3 ' || current_setting('lock_timeout')",
        ),
        ("3_c/metadata.toml", "run_in_transaction = false"),
    ];
    let seen = |options: &str, configure: fn(Migrator) -> Migrator| {
        let database = TestDatabase::new();
        let separator = if database.url().contains('?') {
            '&'
        } else {
            '?'
        };
        let url = format!("{}{separator}options={options}", database.url());
        let migrator = configure(PluginFolders::shop(&migrations).migrator());
        run_at(&migrator, &url.parse().unwrap()).unwrap();
        let connection = &mut database.connect();
        query_all(
            connection,
            "SELECT setting FROM plugin_shop.seen ORDER BY 1",
        )
    };
    assert_eq!(seen("", |migrator| migrator), ["2 5s", "3 0"]);
    assert_eq!(
        seen("", |migrator| migrator.statement_lock_timeout(None)),
        ["2 0", "3 0"]
    );
    assert_eq!(
        seen("-clock_timeout%3D7s", |migrator| migrator),
        ["2 7s", "3 7s"]
    );
}
