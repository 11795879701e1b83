//! Runs that are interrupted: what is reported is what happened.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion,
};
use diesel::pg::Pg;
use watertight_connection::DatabaseUrl;
use watertight_diagnostics::ErrorReport;
use watertight_embedded::{EmbeddedKind, EmbeddedServer};
use watertight_metadata::PluginMetadata;
use watertight_migrations::{
    MigrateError, Migrator, Outcome, PluginMigrations, RunReport, SkipReason,
};

use crate::plugin_folders::{ONE, PluginFolders, applied, id};
use crate::pooler::Pooler;
use crate::test_database::{
    Connection, TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

/// Another session of the test's database sleeps in `pg_sleep`.
pub const SLEEPS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";
/// Another session of the test's database waits for a lock.
const WAITS_FOR_LOCK: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
     AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'";
const OTHERS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

pub fn wait_until(url: &DatabaseUrl, condition: &str) {
    let connection = &mut url.connect().unwrap();
    let start = Instant::now();
    while query_one(connection, condition) != "true" {
        assert!(start.elapsed() < Duration::from_mins(1), "{condition}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the migrations, and interrupts the run when the condition is true.
fn interrupt_when(
    migrator: &Migrator,
    url: &DatabaseUrl,
    condition: &str,
) -> Result<RunReport, MigrateError> {
    interrupt_at(migrator, url, url, condition)
}

/// Like [`interrupt_when`], with another URL to look at the server.
fn interrupt_at(
    migrator: &Migrator,
    url: &DatabaseUrl,
    server: &DatabaseUrl,
    condition: &str,
) -> Result<RunReport, MigrateError> {
    let interrupt = migrator.interrupt();
    thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(url, &[]));
        wait_until(server, condition);
        interrupt.stop();
        run.join().unwrap()
    })
}

#[test]
fn an_interrupted_migration_is_cancelled_and_those_after_it_are_not_run() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("orders", &["shop"]), ("other", &["shop"])]);
    let slow = "SET application_name = 'x'; CREATE TABLE plugin_shop.t2 (); SELECT pg_sleep(600)";
    plugins.write(
        "shop",
        &[
            ("1_a/up.sql", "CREATE TABLE plugin_shop.t1 ()"),
            ("2_slow/up.sql", slow),
            ("3_c/up.sql", "CREATE TABLE plugin_shop.t3 ()"),
        ],
    );
    plugins.write("orders", &[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let report = interrupt_when(&plugins.migrator(), database.database_url(), SLEEPS).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: interrupted: migration 2_slow of plugin `shop` was rolled back
    hint: run it again
    ");
    insta::assert_snapshot!(report, @"
    shop: 1 migration applied; interrupted at 2_slow
    orders: not run, because shop is not up to date
    other: not run, because shop is not up to date
    Applied 1 migration; 3 are still pending.
    ");
    assert!(report.is_interrupted());
    assert_eq!(report.to_json()["plugins"][0]["outcome"], "interrupted");
    assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
    assert!(!relation_exists(&mut database.connect(), "plugin_shop.t2"));
    wait_until(database.database_url(), &format!("SELECT NOT ({OTHERS})"));
}

#[test]
fn an_interruption_cancels_no_other_run() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_slow/up.sql", "SELECT pg_sleep(600)")]);
    let (database, other) = (TestDatabase::new(), TestDatabase::new());
    let of_other = plugins.migrator();
    let interrupt = of_other.interrupt();
    thread::scope(|scope| {
        let run = scope.spawn(|| of_other.run_on(other.database_url(), &[]));
        wait_until(other.database_url(), SLEEPS);
        let report = interrupt_when(&plugins.migrator(), database.database_url(), SLEEPS).unwrap();
        assert!(report.is_interrupted());
        assert_eq!(query_one(&mut other.connect(), SLEEPS), "true");
        assert!(!run.is_finished());
        interrupt.stop();
        assert!(run.join().unwrap().unwrap().is_interrupted());
    });
}

#[test]
fn an_interrupted_migration_is_cancelled_behind_pgbouncer() {
    for mode in ["session", "transaction"] {
        let database = TestDatabase::new();
        let Some(pooler) = Pooler::start(&database, &format!("pool_mode = {mode}")) else {
            return;
        };
        let plugins = PluginFolders::shop(&[("1_slow/up.sql", "SELECT pg_sleep(600)")]);
        let report = interrupt_at(
            &plugins.migrator(),
            pooler.url(),
            database.database_url(),
            SLEEPS,
        );
        let error = plugins.error(&report.unwrap());
        assert!(error.contains("was rolled back"), "{mode}: {error}");
        assert_eq!(query_one(&mut database.connect(), SLEEPS), "false");
    }
}

#[test]
fn a_migration_that_is_committed_despite_the_interruption_is_reported_as_applied() {
    if skip_on_one_connection() {
        return;
    }
    let stubborn =
        "DO $$ BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END $$";
    let plugins = PluginFolders::shop(&[("1_slow/up.sql", stubborn)]);
    plugins.write(
        "shop",
        &[
            ("2_b/metadata.toml", "run_in_transaction = false"),
            ("2_b/up.sql", "SELECT 1"),
        ],
    );
    let database = TestDatabase::new();
    let report = interrupt_when(&plugins.migrator(), database.database_url(), SLEEPS).unwrap();
    assert_eq!(applied(&report), ["1_slow"]);
    insta::assert_snapshot!(plugins.error(&report), @"
    error: interrupted: migration 2_b of plugin `shop` was not started
    hint: run it again
    ");
    assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
}

#[test]
fn an_interrupted_index_build_is_reported_with_the_index_that_it_left() {
    if skip_on_one_connection() {
        return;
    }
    let index = "SELECT 1; CREATE INDEX CONCURRENTLY i ON plugin_shop.t (a); SELECT 2";
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.t (a int)"),
        ("2_index/up.sql", index),
        ("2_index/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let url = database.database_url();
    let connection = &mut database.connect();
    let only_first = PluginFolders::shop(&[("1_a/up.sql", "CREATE TABLE plugin_shop.t (a int)")]);
    assert!(only_first.migrator().run_on(url, &[]).unwrap().is_success());
    execute(connection, "BEGIN; INSERT INTO plugin_shop.t VALUES (1)");
    let report = interrupt_when(&plugins.migrator(), url, WAITS_FOR_LOCK).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: interrupted: migration 2_index of plugin `shop` was cancelled, and its first statement stays applied, because it runs without a transaction
    hint: drop the invalid index with `DROP INDEX CONCURRENTLY plugin_shop.i`; undo what stays applied or remove it from the SQL, unless it is safe to repeat; run it again
    ");
    execute(connection, "COMMIT");
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
}

#[test]
fn an_interrupted_revert_is_rolled_back() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.t ()"),
        (
            "1_a/down.sql",
            "DROP TABLE plugin_shop.t; SELECT pg_sleep(600)",
        ),
    ]);
    let database = TestDatabase::new();
    let url = database.database_url();
    assert!(plugins.migrator().run_on(url, &[]).unwrap().is_success());
    let migrator = plugins.migrator();
    let interrupt = migrator.interrupt();
    let error = thread::scope(|scope| {
        let revert = scope.spawn(|| migrator.revert_on(url, &id("shop"), ONE));
        wait_until(url, SLEEPS);
        interrupt.stop();
        revert.join().unwrap().unwrap_err()
    });
    insta::assert_snapshot!(ErrorReport::new(&error), @"
    error: interrupted: the revert of migration 1_a of plugin `shop` was rolled back
    hint: run it again
    ");
    assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
}

#[test]
fn a_run_that_waits_for_another_one_ends_when_it_is_interrupted() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::shop(&[("1_slow/up.sql", "SELECT pg_sleep(600)")]);
    let database = TestDatabase::new();
    let url = database.database_url();
    let first = plugins.migrator();
    let interrupt = first.interrupt();
    thread::scope(|scope| {
        let run = scope.spawn(|| first.run_on(url, &[]));
        wait_until(url, SLEEPS);
        let three = "SELECT count(*) >= 3 FROM pg_stat_activity WHERE datname = current_database()";
        let report = interrupt_when(&plugins.migrator(), url, three);
        assert!(!run.is_finished());
        interrupt.stop();
        assert!(run.join().unwrap().unwrap().is_interrupted());
        match report {
            Ok(report) => assert!(report.is_interrupted()),
            Err(error) => assert!(error.is_interrupted(), "{}", ErrorReport::new(&error)),
        }
    });
}

#[test]
fn a_run_that_is_interrupted_before_it_begins_runs_nothing() {
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let migrator = plugins.migrator();
    migrator.interrupt().stop();
    let error = migrator.run_on(database.database_url(), &[]).unwrap_err();
    insta::assert_snapshot!(ErrorReport::new(&error), @"
    error: interrupted while no migration was running
    hint: run it again
    ");
    let report = migrator.run(&mut database.connect(), &[]).unwrap();
    assert!(matches!(
        report.plugins[0].outcome,
        Outcome::Skipped(SkipReason::Interrupted)
    ));
    assert!(matches!(
        report.into_result(),
        Err(MigrateError::Interrupted)
    ));
}

const SHOP: PluginMetadata = PluginMetadata::new("shop");

#[derive(Clone)]
struct SlowRustMigration;

impl std::fmt::Display for SlowRustMigration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("1_rust")
    }
}

impl MigrationName for SlowRustMigration {
    fn version(&self) -> MigrationVersion<'_> {
        "1".into()
    }
}

impl MigrationMetadata for SlowRustMigration {}

impl Migration<Pg> for SlowRustMigration {
    fn run(&self, connection: &mut dyn BoxableConnection<Pg>) -> diesel::migration::Result<()> {
        let connection = connection.downcast_mut::<Connection>().unwrap();
        execute(connection, "CREATE TABLE plugin_shop.t ()");
        Ok(diesel::connection::SimpleConnection::batch_execute(
            connection,
            "SELECT pg_sleep(600)",
        )?)
    }

    fn revert(&self, _: &mut dyn BoxableConnection<Pg>) -> diesel::migration::Result<()> {
        Ok(())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl MigrationSource<Pg> for SlowRustMigration {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(vec![Box::new(self.clone())])
    }
}

#[test]
fn an_interrupted_rust_migration_is_rolled_back() {
    if skip_on_one_connection() {
        return;
    }
    let migrations = PluginMigrations::new(SHOP, SlowRustMigration);
    let migrator = Migrator::new(vec![migrations]).unwrap();
    let database = TestDatabase::new();
    let report = interrupt_when(&migrator, database.database_url(), SLEEPS).unwrap();
    let error = ErrorReport::new(report.errors().next().unwrap());
    insta::assert_snapshot!(error, @"
    error: interrupted: migration 1_rust of plugin `shop` was rolled back
    hint: run it again
    ");
    assert!(!relation_exists(&mut database.connect(), "plugin_shop.t"));
}

/// Sends a signal to all processes of a server.
fn signal(signal: &str, server: u32) {
    let server = server.to_string();
    let children = Command::new("pkill").args([signal, "-P", &server]).status();
    let parent = Command::new("kill").args([signal, &server]).status();
    assert!(children.unwrap().success() && parent.unwrap().success());
}

#[test]
#[ignore = "waits ten seconds; CI runs it"]
fn an_interrupted_run_on_a_server_that_hangs_ends_and_says_that_it_does_not_know() {
    let workspace = tempfile::tempdir().unwrap();
    let server = EmbeddedServer::acquire(workspace.path()).unwrap();
    let status = EmbeddedServer::status(workspace.path()).unwrap();
    if status.kind == EmbeddedKind::Pglite {
        return;
    }
    let pid = status.running.unwrap().pid;
    let plugins = PluginFolders::shop(&[("1_slow/up.sql", "SELECT pg_sleep(600)")]);
    let migrator = plugins.migrator();
    let interrupt = migrator.interrupt();
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| migrator.run_on(server.url(), &[]));
        wait_until(server.url(), SLEEPS);
        signal("-STOP", pid.try_into().unwrap());
        interrupt.stop();
        run.join().unwrap().unwrap()
    });
    signal("-CONT", pid.try_into().unwrap());
    drop(server);
    EmbeddedServer::stop(workspace.path()).unwrap();
    insta::assert_snapshot!(plugins.error(&report), @"
    error: interrupted: it is unknown whether migration 1_slow of plugin `shop` was applied, because PostgreSQL does not respond
    hint: check the status when PostgreSQL is back
    ");
}
