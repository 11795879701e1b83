//! Successful runs, reverts, redos and reports.

use watertight_diagnostics::ErrorReport;
use watertight_migrations::{MigrationState, Outcome};

use crate::plugin_folders::{ONE, PluginFolders, applied, id};
use crate::test_database::{
    TestDatabase, execute, history, query_one, relation_exists, skip_on_one_connection,
};

const ITEMS: [(&str, &str); 4] = [
    ("1_items/up.sql", "CREATE TABLE plugin_shop.items (id int)"),
    (
        "1_items/down.sql",
        "DROP TABLE plugin_shop.items -- the end",
    ),
    (
        "2_price/up.sql",
        "ALTER TABLE plugin_shop.items ADD price int; -- the end",
    ),
    (
        "2_price/down.sql",
        "ALTER TABLE plugin_shop.items DROP price;\n",
    ),
];

#[test]
fn a_run_creates_the_schema_and_applies_each_migration_once() {
    let plugins = PluginFolders::shop(&ITEMS);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let migrator = plugins.migrator();

    let report = migrator.run(connection, &[]).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(applied(&report), ["1_items", "2_price"]);
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);

    let again = migrator.run(connection, &[]).unwrap();
    assert!(again.is_success());
    assert_eq!(applied(&again), [""; 0]);
}

#[test]
fn status_distinguishes_applied_pending_ahead_drifted_and_out_of_order() {
    let plugins = PluginFolders::shop(&ITEMS);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let states = |connection: &mut _| {
        let status = plugins.migrator().status(connection).unwrap().remove(0);
        status
            .migrations
            .iter()
            .map(|migration| (migration.version.clone(), migration.state))
            .collect::<Vec<_>>()
    };
    let expected = |list: &[(&str, MigrationState)]| {
        list.iter()
            .map(|(version, state)| ((*version).to_owned(), *state))
            .collect::<Vec<_>>()
    };

    assert_eq!(
        states(connection),
        expected(&[
            ("1", MigrationState::Pending),
            ("2", MigrationState::Pending)
        ])
    );
    assert!(
        !relation_exists(connection, "plugin_shop.__diesel_schema_migrations"),
        "status writes nothing"
    );

    plugins.migrator().run(connection, &[]).unwrap();
    plugins.write(
        "shop",
        &[
            (
                "1_items/up.sql",
                "CREATE TABLE plugin_shop.items (id bigint)",
            ),
            ("0_late/up.sql", "SELECT 1"),
        ],
    );
    execute(
        connection,
        "INSERT INTO plugin_shop.__diesel_schema_migrations (version) VALUES ('9')",
    );
    assert_eq!(
        states(connection),
        expected(&[
            ("0", MigrationState::OutOfOrder),
            ("1", MigrationState::Drifted),
            ("2", MigrationState::Applied),
            ("9", MigrationState::Ahead),
        ])
    );

    plugins.write("shop", &ITEMS);
    let report = plugins.migrator().run(connection, &[]).unwrap();
    assert!(report.is_success());
    assert!(report.plugins[0].applied[0].out_of_order);
    assert_eq!(report.plugins[0].ahead, ["9"]);
}

#[test]
fn revert_undoes_the_newest_migration_first() {
    let plugins = PluginFolders::shop(&ITEMS);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let migrator = plugins.migrator();
    migrator.run(connection, &[]).unwrap();

    assert_eq!(
        migrator.revert(connection, &id("shop"), ONE).unwrap(),
        ["2_price"]
    );
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert_eq!(
        migrator
            .revert(connection, &id("shop"), 9.try_into().unwrap())
            .unwrap(),
        ["1_items"]
    );
    assert!(!relation_exists(connection, "plugin_shop.items"));
    assert_eq!(
        migrator.revert(connection, &id("shop"), ONE).unwrap(),
        [""; 0]
    );
}

#[test]
fn redo_is_one_transaction() {
    let plugins = PluginFolders::shop(&ITEMS);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    assert_eq!(
        plugins.migrator().redo(connection, &id("shop")).unwrap(),
        "2_price"
    );

    plugins.write("shop", &[("2_price/up.sql", "SELECT 1/0")]);
    let error = plugins
        .migrator()
        .redo(connection, &id("shop"))
        .unwrap_err();
    let report = ErrorReport::new(&error).to_string();
    assert!(report.contains("division by zero"), "{report}");
    assert_eq!(history(connection, "plugin_shop"), ["1", "2"]);
    assert_eq!(
        query_one(
            connection,
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'plugin_shop.items'::regclass AND attname = 'price'"
        ),
        "1"
    );
}

#[test]
fn a_plugin_runs_after_its_dependencies_even_if_only_it_is_selected() {
    let plugins = PluginFolders::new(&[("orders", &["shop"]), ("shop", &[]), ("other", &[])]);
    plugins.write("shop", &ITEMS);
    plugins.write(
        "orders",
        &[("1_a/up.sql", "ALTER TABLE plugin_shop.items ADD x int")],
    );
    plugins.write("other", &[("1_b/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();

    let report = plugins.migrator().run(connection, &[id("orders")]).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(applied(&report), ["1_items", "2_price", "1_a"]);
    assert!(!relation_exists(
        connection,
        "plugin_other.__diesel_schema_migrations"
    ));
}

#[test]
fn a_failure_stops_only_dependents() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = PluginFolders::new(&[("shop", &[]), ("orders", &["shop"]), ("other", &[])]);
    plugins.write(
        "shop",
        &[
            ("1_a/up.sql", "SELECT 1"),
            ("2_b/up.sql", "SELECT 1/0"),
            ("3_c/up.sql", "SELECT 1"),
        ],
    );
    plugins.write("orders", &[("1_d/up.sql", "SELECT 1")]);
    plugins.write("other", &[("1_e/up.sql", "SELECT 1")]);
    let database = TestDatabase::new();
    let migrator = plugins.migrator();

    for report in [
        migrator.run(&mut database.connect(), &[]).unwrap(),
        migrator.run_on(database.database_url(), &[]).unwrap(),
    ] {
        assert!(!report.is_success());
        let outcomes: Vec<_> = report
            .plugins
            .iter()
            .map(|plugin| format!("{:?}", plugin.outcome))
            .collect();
        assert!(
            matches!(report.plugins[0].outcome, Outcome::Failed(_)),
            "{outcomes:?}"
        );
        assert_eq!(report.plugins[0].not_run, ["2_b", "3_c"]);
        assert_eq!(outcomes[1], "Skipped(Dependency(PluginId(shop)))");
        assert_eq!(outcomes[2], "UpToDate");
        assert!(
            ErrorReport::new(&report.into_result().unwrap_err())
                .to_string()
                .contains("division by zero")
        );
    }
    assert_eq!(history(&mut database.connect(), "plugin_shop"), ["1"]);
}

#[test]
fn a_plan_has_the_sql_and_writes_nothing() {
    let plugins = PluginFolders::shop(&ITEMS);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let plan = plugins.migrator().plan(connection, &[]).unwrap();
    assert_eq!(plan.setup[0], "CREATE SCHEMA IF NOT EXISTS \"plugin_shop\"");
    assert_eq!(plan.migrations[1].sql.as_deref(), Some(ITEMS[2].1));
    assert!(!relation_exists(
        connection,
        "plugin_shop.__diesel_schema_migrations"
    ));
}

#[test]
fn two_concurrent_indexes_in_one_migration_are_built() {
    let plugins = PluginFolders::shop(&[
        (
            "1_items/up.sql",
            "CREATE TABLE plugin_shop.items (id int, name text)",
        ),
        (
            "2_index/up.sql",
            "CREATE INDEX CONCURRENTLY a ON plugin_shop.items (id); CREATE INDEX CONCURRENTLY b ON plugin_shop.items (name)",
        ),
        (
            "2_index/down.sql",
            "DROP INDEX CONCURRENTLY plugin_shop.a; DROP INDEX CONCURRENTLY plugin_shop.b;",
        ),
        ("2_index/metadata.toml", "run_in_transaction = false"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let migrator = plugins.migrator();
    let report = migrator.run(connection, &[]).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert!(
        relation_exists(connection, "plugin_shop.a")
            && relation_exists(connection, "plugin_shop.b")
    );
    migrator.redo(connection, &id("shop")).unwrap();
    migrator.revert(connection, &id("shop"), ONE).unwrap();
    assert!(!relation_exists(connection, "plugin_shop.a"));
    assert_eq!(
        query_one(
            connection,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        ),
        "0"
    );
}
