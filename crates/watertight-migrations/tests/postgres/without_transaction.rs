//! Migrations without a transaction: what they leave, and when they are recorded.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use watertight_migrations::{MigrationProgress, Migrator, PluginHarness};

use crate::plugin_folders::{ONE, PluginFolders, id};
use crate::runner::run_at;
use crate::test_database::{
    GUEST, TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

const NO_TRANSACTION: (&str, &str) = ("2_ix/metadata.toml", "run_in_transaction = false");
/// A table with duplicates, so that a unique index fails.
const DUPLICATES: (&str, &str) = (
    "1_a/up.sql",
    "CREATE TABLE plugin_shop.t (i int); INSERT INTO plugin_shop.t VALUES (1), (1)",
);
const REMOVE_DUPLICATES: &str = "DELETE FROM plugin_shop.t; INSERT INTO plugin_shop.t VALUES (1)";

fn plugins(sql: &str) -> PluginFolders {
    PluginFolders::shop(&[DUPLICATES, ("2_ix/up.sql", sql), NO_TRANSACTION])
}

/// Returns a migrator, and the invalid indexes that it reports before it runs a migration.
fn watched(plugins: &PluginFolders) -> (Migrator, Arc<Mutex<Vec<String>>>) {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let migrator = plugins.migrator().on_progress(move |progress| {
        if let MigrationProgress::InvalidIndexes {
            migration, indexes, ..
        } = progress
        {
            let line = format!("{migration}: {}", indexes.join(", "));
            reports.lock().unwrap().push(line);
        }
    });
    (migrator, reported)
}

#[test]
fn a_migration_is_not_recorded_over_an_invalid_index() {
    let plugins =
        plugins("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"U\" ON plugin_shop.t (i);");
    let database = TestDatabase::new();
    let report = plugins.migrator().run(&mut database.connect(), &[]);
    insta::assert_snapshot!(plugins.error(&report.unwrap()), @r#"
    error: failed to apply migration 2_ix of plugin `shop`: could not create unique index "U" (Key (i)=(1) is duplicated)
     --> shop/2_ix/up.sql:1
      |
    1 | CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "U" ON plugin_shop.t (i);
      |
    hint: the invalid index plugin_shop."U" is left, until you run `DROP INDEX CONCURRENTLY plugin_shop."U"`; none of the statements before it stays applied; fix the SQL and run it again
    "#);

    for over_the_protocol in [false, true] {
        let (migrator, reported) = watched(&plugins);
        let report = if over_the_protocol {
            run_at(&migrator, database.database_url())
        } else {
            migrator.run(&mut database.connect(), &[])
        };
        insta::allow_duplicates! {
            insta::assert_snapshot!(plugins.error(&report.unwrap()), @r#"
            error: failed to apply migration 2_ix of plugin `shop`: its SQL ran and what it did stays, but the index plugin_shop."U" is invalid, so it is not recorded
            hint: an attempt that failed or was interrupted left what `IF NOT EXISTS` keeps; run `DROP INDEX CONCURRENTLY plugin_shop."U"`, and run the migration again
            "#);
        }
        assert_eq!(*reported.lock().unwrap(), ["2_ix: plugin_shop.\"U\""]);
        assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
    }

    let connection = &mut database.connect();
    execute(connection, REMOVE_DUPLICATES);
    execute(connection, "DROP INDEX CONCURRENTLY plugin_shop.\"U\"");
    let (migrator, reported) = watched(&plugins);
    assert!(migrator.run(connection, &[]).unwrap().is_success());
    assert_eq!(*reported.lock().unwrap(), [""; 0]);
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
}

#[test]
fn a_migration_that_drops_the_index_first_completes_an_interrupted_one() {
    let plugins = plugins(
        "DROP INDEX CONCURRENTLY IF EXISTS plugin_shop.u; CREATE UNIQUE INDEX CONCURRENTLY u ON plugin_shop.t (i);",
    );
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let (migrator, reported) = watched(&plugins);
    assert!(!migrator.run(connection, &[]).unwrap().is_success());
    execute(connection, REMOVE_DUPLICATES);
    let report = migrator.run(connection, &[]).unwrap();
    assert!(report.is_success(), "{}", plugins.error(&report));
    assert_eq!(*reported.lock().unwrap(), ["2_ix: plugin_shop.u"]);
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
}

/// The old snapshot of another session stops the build before its end.
#[test]
fn a_build_that_was_interrupted_is_reported_and_completed_by_the_next_run() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.t (i int)"),
        (
            "2_ix/up.sql",
            "DROP INDEX CONCURRENTLY IF EXISTS plugin_shop.u; CREATE INDEX CONCURRENTLY u ON plugin_shop.t (i);",
        ),
        NO_TRANSACTION,
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins
        .migrator()
        .run_next(connection, &id("shop"))
        .unwrap();
    execute(
        connection,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM plugin_shop.t",
    );
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| run_at(&plugins.migrator(), database.database_url()).unwrap());
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'";
        let other = &mut database.connect();
        let start = Instant::now();
        while query_one(other, end) == "0" {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it does not wait"
            );
            thread::sleep(Duration::from_millis(2));
        }
        run.join().unwrap()
    });
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 2_ix of plugin `shop`: the connection to PostgreSQL was lost: terminating connection due to administrator command
    hint: the server was shut down, or somebody ended the session with `pg_terminate_backend`; its first statement stays applied, because it runs without a transaction; the statement after that may stay applied too; drop the invalid index with `DROP INDEX CONCURRENTLY plugin_shop.u`; undo what stays applied or remove it from the SQL, unless it is safe to repeat; run it again
    ");
    execute(connection, "COMMIT");

    let (migrator, reported) = watched(&plugins);
    let report = run_at(&migrator, database.database_url()).unwrap();
    assert!(report.is_success(), "{}", plugins.error(&report));
    assert_eq!(*reported.lock().unwrap(), ["2_ix: plugin_shop.u"]);
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
}

/// Diesel's source does not show its SQL.
#[test]
fn a_migration_of_diesels_harness_is_not_recorded_over_an_invalid_index() {
    let plugins = plugins("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u ON plugin_shop.t (i);");
    let source = FileBasedMigrations::from_path(plugins.path().join("shop")).unwrap();
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let mut harness = PluginHarness::new(connection, id("shop"));
    assert!(harness.run_pending_migrations(source.clone()).is_err());
    let error = harness.run_pending_migrations(source).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the index plugin_shop.u is invalid"),
        "{error}"
    );
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
}

#[test]
fn an_invalid_index_in_another_schema_is_found_if_the_sql_names_it() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    execute(
        connection,
        "CREATE SCHEMA plugin_other; CREATE TABLE plugin_other.t (i int); INSERT INTO plugin_other.t VALUES (1), (1)",
    );
    let create = "CREATE UNIQUE INDEX CONCURRENTLY u ON plugin_other.t (i)";
    assert!(connection.batch_execute(create).is_err());

    let own = "CREATE INDEX CONCURRENTLY u ON plugin_shop.t (i);";
    let report = plugins(own).migrator().run(connection, &[]).unwrap();
    assert!(report.is_success());
    execute(connection, "DROP SCHEMA plugin_shop CASCADE");

    let others = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u ON plugin_other.t (i);";
    let plugins = plugins(others);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    let error = plugins.error(&report);
    assert!(
        error.contains("the index plugin_other.u is invalid"),
        "{error}"
    );
}

#[test]
fn an_invalid_index_that_the_migration_does_not_name_does_not_matter() {
    let plugins = plugins("CREATE INDEX CONCURRENTLY v ON plugin_shop.t (i);");
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins
        .migrator()
        .run_next(connection, &id("shop"))
        .unwrap();
    let create = "CREATE UNIQUE INDEX CONCURRENTLY u ON plugin_shop.t (i)";
    assert!(connection.batch_execute(create).is_err());
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert!(report.is_success(), "{}", plugins.error(&report));
}

#[test]
fn the_index_of_a_partitioned_table_may_wait_for_its_partitions() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "CREATE TABLE plugin_shop.t (i int) PARTITION BY RANGE (i); \
             CREATE TABLE plugin_shop.t1 PARTITION OF plugin_shop.t FOR VALUES FROM (0) TO (10)",
        ),
        (
            "2_ix/up.sql",
            "CREATE INDEX t_i ON ONLY plugin_shop.t (i); CREATE INDEX CONCURRENTLY t1_i ON plugin_shop.t1 (i);",
        ),
        NO_TRANSACTION,
        (
            "3_attach/up.sql",
            "ALTER INDEX plugin_shop.t_i ATTACH PARTITION plugin_shop.t1_i",
        ),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert!(report.is_success(), "{}", plugins.error(&report));
}

/// The migration makes its own history refuse rows.
#[test]
fn without_its_history_row_a_migration_stays_applied_and_the_settings_are_restored() {
    let sql = format!(
        "CREATE FUNCTION plugin_shop.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no more rows'; END $$;\n\
         CREATE TRIGGER refuse BEFORE INSERT OR DELETE ON plugin_shop.__diesel_schema_migrations \
         FOR EACH ROW EXECUTE FUNCTION plugin_shop.refuse();\n\
         SET search_path = plugin_shop; SET work_mem = '8MB'; CREATE TABLE kept (a int); SET ROLE {GUEST};"
    );
    let plugins = PluginFolders::shop(&[
        ("2_ix/up.sql", &sql),
        NO_TRANSACTION,
        ("2_ix/down.sql", "DROP TABLE plugin_shop.kept;"),
    ]);
    let settings = "SELECT concat_ws(' ', current_setting('role'), current_setting('search_path'), \
                    current_setting('work_mem'))";
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let before = query_one(connection, settings);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 2_ix of plugin `shop`: its SQL ran and what it did stays, but its history row could not be written: no more rows
    hint: correct this, and record it with `cargo xtask migrate mark --applied shop/2` instead of running it again
    ");
    assert_eq!(query_one(connection, settings), before);
    assert!(relation_exists(connection, "plugin_shop.kept"));
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);

    execute(
        connection,
        "ALTER TABLE plugin_shop.__diesel_schema_migrations DISABLE TRIGGER ALL",
    );
    let shop = id("shop");
    assert!(
        plugins
            .migrator()
            .mark_applied(connection, &shop, "2")
            .unwrap()
    );
    execute(
        connection,
        "ALTER TABLE plugin_shop.__diesel_schema_migrations ENABLE TRIGGER ALL",
    );
    let error = plugins.migrator().revert(connection, &shop, ONE);
    insta::assert_snapshot!(plugins.error_report(&error.unwrap_err()), @"
    error: failed to revert migration 2_ix of plugin `shop`: its SQL ran and what it did stays, but its history row could not be written: no more rows
    hint: correct this, and record it with `cargo xtask migrate mark --pending shop/2` instead of running it again
    ");
}

#[test]
fn a_migration_that_releases_the_lock_is_not_recorded() {
    let plugins = PluginFolders::shop(&[
        (
            "2_ix/up.sql",
            "DO $$ BEGIN EXECUTE 'SELECT pg_advisory_' || 'unlock_all()'; END $$;",
        ),
        NO_TRANSACTION,
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: failed to apply migration 2_ix of plugin `shop`: its SQL ran and what it did stays, but its session no longer holds the plugin's lock, so it is not recorded
    hint: remove what releases the lock from the SQL, or connect without a pooler in transaction mode; if no other run was in progress, record it with `cargo xtask migrate mark --applied shop/2`
    ");
    assert_eq!(history(connection, "plugin_shop"), [""; 0]);
}
