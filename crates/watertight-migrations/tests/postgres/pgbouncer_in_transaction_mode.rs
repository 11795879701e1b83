//! Behind PgBouncer in transaction mode everything works but what needs a session of its own, and that is refused before
//! anything is sent.

use watertight_diagnostics::ErrorReport;
use watertight_migrations::Migrator;

use crate::pgbouncer::{
    DEFAULT_SETTINGS, assert_no_lock_is_left, plugins, run_four_times_at_once, rust_migrator,
    write_index,
};
use crate::plugin_folders::{PluginFolders, applied};
use crate::pooler::{Pooler, version};
use crate::runner::{run_at, status_at};
use crate::test_database::{TestDatabase, history, relation_exists};

const TRANSACTION: &str = "pool_mode = transaction";

/// Calls `test` with a PgBouncer in transaction mode that knows nothing of prepared statements, and with one that replaces
/// them by its own.
fn in_transaction_mode(test: impl Fn(&TestDatabase, &Pooler)) {
    let database = TestDatabase::new();
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
        let database = TestDatabase::new();
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

/// Checks that the only error of this run names the setting to change, and that nothing of migration 6 has happened.
fn assert_refused(database: &TestDatabase, pooler: &Pooler, migrator: &Migrator) {
    let errors: Vec<_> = match run_at(migrator, pooler.url()) {
        Ok(report) => report
            .errors()
            .map(|error| ErrorReport::new(error).to_string())
            .collect(),
        Err(error) => vec![ErrorReport::new(&error).to_string()],
    };
    assert_eq!(errors.len(), 1, "{errors:?}");
    for part in ["6_", "`shop`", "transaction mode", "pool_mode"] {
        assert!(errors[0].contains(part), "{}", errors[0]);
    }
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
            assert_refused(database, pooler, &plugins.migrator());
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
                assert_refused(database, pooler, &rust_migrator(in_transaction));
            }
        }
    });
}
