//! Migrations that wait for a lock of PostgreSQL's.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use watertight_migrations::{MigrationProgress, Migrator};

use crate::plugin_folders::PluginFolders;
use crate::runner::run_at;
use crate::test_database::{
    Connection, TestDatabase, execute, query_one, skip_on_one_connection, without_times,
};

/// Creates a plugin with a table.
pub fn with_items(database: &TestDatabase) -> PluginFolders {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "CREATE TABLE plugin_shop.items (id int)")]);
    run_at(&plugins.migrator(), database.database_url()).unwrap();
    plugins
}

/// Returns a session that is idle in a transaction after this statement, and its process id.
pub fn idle_in_transaction(database: &TestDatabase, sql: &str) -> (Connection, String) {
    let mut connection = database.connect();
    execute(&mut connection, "SET application_name = 'reader'");
    execute(&mut connection, sql);
    let pid = query_one(&mut connection, "SELECT pg_backend_pid()");
    (connection, pid)
}

/// Runs the pending migrations, and rolls the transaction of `holder` back when the run reports that it is blocked.
/// Returns the reports.
fn run_until_blocked(
    migrator: Migrator,
    database: &TestDatabase,
    holder: &mut Connection,
) -> Vec<String> {
    let (reports, reported) = channel();
    let migrator = migrator.on_progress(move |progress| {
        if let MigrationProgress::Blocked { .. } = progress {
            let report = progress.status_line().unwrap();
            reports.send(without_times(&report)).unwrap();
        }
    });
    thread::scope(|scope| {
        let run = scope.spawn(|| run_at(&migrator, database.database_url()));
        let first = reported.recv().unwrap();
        execute(holder, "ROLLBACK");
        let report = run.join().unwrap().unwrap();
        assert!(report.is_success(), "{report}");
        [first].into_iter().chain(reported.try_iter()).collect()
    })
}

#[test]
fn a_migration_that_waits_for_a_table_says_once_who_holds_the_lock() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let plugins = with_items(&database);
    plugins.write(
        "shop",
        &[("2_b/up.sql", "ALTER TABLE plugin_shop.items ADD a int")],
    );
    let (mut reader, pid) =
        idle_in_transaction(&database, "BEGIN; SELECT count(*) FROM plugin_shop.items");
    assert_eq!(
        run_until_blocked(plugins.migrator(), &database, &mut reader),
        [format!(
            "shop 2_b waits for a lock on plugin_shop.items held by process {pid} (reader, idle in transaction since TIME)"
        )]
    );
}

#[test]
fn a_concurrent_index_that_waits_for_an_old_snapshot_says_who_has_it() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let plugins = with_items(&database);
    let index = "CREATE INDEX CONCURRENTLY items_id ON plugin_shop.items (id)";
    plugins.write(
        "shop",
        &[
            ("2_b/up.sql", index),
            ("2_b/metadata.toml", "run_in_transaction = false"),
        ],
    );
    let (mut reader, pid) =
        idle_in_transaction(&database, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    assert_eq!(
        run_until_blocked(plugins.migrator(), &database, &mut reader),
        [format!(
            "shop 2_b waits for process {pid} (reader, idle in transaction since TIME)"
        )]
    );
}

#[test]
fn a_run_without_a_second_connection_waits_without_a_word() {
    if skip_on_one_connection() {
        return;
    }
    let database = TestDatabase::new();
    let plugins = with_items(&database);
    plugins.write(
        "shop",
        &[("2_b/up.sql", "ALTER TABLE plugin_shop.items ADD a int")],
    );
    let role = "watertight_test_alone";
    execute(
        &mut database.connect(),
        &format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
             ALTER SCHEMA plugin_shop OWNER TO {role}; ALTER TABLE plugin_shop.items OWNER TO {role}; \
             ALTER TABLE plugin_shop.__diesel_schema_migrations OWNER TO {role}"
        ),
    );
    let user = format!("{}@", database.database_url().user_name());
    let url = database.url().replacen(&user, &format!("{role}@"), 1);
    let (mut reader, _) =
        idle_in_transaction(&database, "BEGIN; SELECT count(*) FROM plugin_shop.items");
    let (lines, reported) = channel();
    let migrator = plugins.migrator().on_progress(move |progress| {
        lines.send(progress.status_line()).unwrap();
    });
    thread::scope(|scope| {
        let run = scope.spawn(|| run_at(&migrator, &url.parse().unwrap()));
        // Long enough for an attempt to connect.
        thread::sleep(Duration::from_secs(2));
        execute(&mut reader, "ROLLBACK");
        assert!(run.join().unwrap().unwrap().is_success());
    });
    assert_eq!(reported.try_iter().flatten().count(), 0);
}
