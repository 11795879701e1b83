//! Runs that are killed: each migration is applied and recorded, or neither.

use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::child_process::spawn_run;
use crate::plugin_folders::PluginFolders;
use crate::proxy::{Fault, MOMENTS, Proxy};
use crate::rounds::{rounds, spread};
use crate::runner::run_at;
use crate::test_database::{
    TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

/// In three rounds, each message has all moments.
const MESSAGE_ROUNDS: usize = 1;
const RANDOM_ROUNDS: usize = 30;

/// The migrations of [`plugins`].
const ALL: [(&str, &[&str]); 2] = [("shop", &["1", "2", "3", "4"]), ("orders", &["1"])];

/// Two plugins whose migrations each create the relation `r` and their version. The third of `shop` builds an index.
pub fn plugins() -> PluginFolders {
    let plugins = PluginFolders::new(&[("shop", &[]), ("orders", &["shop"])]);
    for (plugin, versions) in ALL {
        for version in versions {
            let sql = if *version == "3" {
                format!(
                    "DROP INDEX IF EXISTS plugin_{plugin}.r3; CREATE INDEX CONCURRENTLY r3 ON plugin_{plugin}.r1 (i)"
                )
            } else {
                format!(
                    "CREATE TABLE plugin_{plugin}.r{version} AS SELECT generate_series(1, 1000) AS i"
                )
            };
            plugins.write(plugin, &[(&format!("{version}_a/up.sql"), &sql)]);
        }
    }
    plugins.write(
        "shop",
        &[("3_a/metadata.toml", "run_in_transaction = false")],
    );
    plugins
}

/// Checks that what is recorded is complete, and that what is not recorded does not exist, except for an index that is built
/// without a transaction. Returns the recorded migrations as `shop/1`.
pub fn assert_nothing_is_half_applied(database: &TestDatabase, context: &str) -> Vec<String> {
    wait_for_other_sessions(database);
    let connection = &mut database.connect();
    let mut applied = Vec::new();
    for (plugin, versions) in ALL {
        let schema = format!("plugin_{plugin}");
        let recorded =
            if relation_exists(connection, &format!("{schema}.__diesel_schema_migrations")) {
                history(connection, &schema)
            } else {
                Vec::new()
            };
        for version in versions {
            let relation = format!("{schema}.r{version}");
            let is_recorded = recorded.contains(&(*version).to_owned());
            let exists = relation_exists(connection, &relation);
            if *version == "3" {
                let valid = format!(
                    "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid = to_regclass('{relation}')"
                );
                assert!(
                    !is_recorded || query_one(connection, &valid) == "true",
                    "{context}: {relation}"
                );
            } else {
                assert_eq!(is_recorded, exists, "{context}: {relation}");
            }
        }
        applied.extend(recorded.iter().map(|version| format!("{plugin}/{version}")));
    }
    applied
}

/// A server only notices that its client is gone when it has finished the client's message.
fn wait_for_other_sessions(database: &TestDatabase) {
    let connection = &mut database.connect();
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    let start = Instant::now();
    while query_one(connection, others) != "0" {
        assert!(start.elapsed() < Duration::from_secs(30), "a session stays");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Checks that another run completes what a killed one left.
pub fn assert_the_next_run_completes(
    plugins: &PluginFolders,
    database: &TestDatabase,
    context: &str,
) {
    let report = run_at(&plugins.migrator(), database.database_url()).unwrap();
    assert!(report.is_success(), "{context}: {}", plugins.error(&report));
    assert_eq!(
        assert_nothing_is_half_applied(database, context).len(),
        5,
        "{context}"
    );
}

pub fn drop_schemas(database: &TestDatabase) {
    execute(
        &mut database.connect(),
        "DROP SCHEMA IF EXISTS plugin_shop, plugin_orders CASCADE",
    );
}

#[test]
#[ignore = "takes many seconds; CI runs it"]
fn a_run_that_is_killed_at_any_message_leaves_no_migration_half_applied() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = plugins();
    let database = TestDatabase::new();
    for round in 0..rounds(MESSAGE_ROUNDS) {
        for message in 0.. {
            let moment = MOMENTS[(message + round) % MOMENTS.len()];
            let child = Arc::new(Mutex::new(None::<Child>));
            let killed = Arc::clone(&child);
            let kill = move || killed.lock().unwrap().as_mut().unwrap().kill().unwrap();
            let proxy = Proxy::start(
                database.database_url(),
                Fault {
                    message,
                    moment,
                    action: Box::new(kill),
                },
            );
            let mut slot = child.lock().unwrap();
            *slot = Some(spawn_run(&plugins, proxy.url().expose_secret()));
            drop(slot);
            let success = wait(&child);
            let context = format!("{moment:?} {message}");
            assert_nothing_is_half_applied(&database, &context);
            if !proxy.has_interfered() {
                assert!(success, "{context}");
                assert!(message > 5, "a run has more messages than migrations");
                drop_schemas(&database);
                break;
            }
            assert!(!success, "{context}");
            assert_the_next_run_completes(&plugins, &database, &context);
            drop_schemas(&database);
        }
    }
}

/// Waits for a process that another thread may kill.
fn wait(child: &Mutex<Option<Child>>) -> bool {
    loop {
        let ended = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
        if let Some(status) = ended {
            return status.success();
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[ignore = "takes many seconds; CI runs it"]
fn a_run_that_is_killed_at_any_time_leaves_no_migration_half_applied() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = plugins();
    let database = TestDatabase::new();
    for round in 0..rounds(RANDOM_ROUNDS) {
        let mut child = spawn_run(&plugins, database.url());
        // A run takes about a tenth of a second.
        thread::sleep(Duration::from_millis(spread(round, 120) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let context = format!("round {round}");
        assert_nothing_is_half_applied(&database, &context);
        assert_the_next_run_completes(&plugins, &database, &context);
        drop_schemas(&database);
    }
}
