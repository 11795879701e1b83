//! Behind PgBouncer in session mode everything works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion,
};
use diesel::pg::Pg;
use watertight_metadata::PluginMetadata;
use watertight_migrations::{Migrator, Outcome, PluginMigrations};

use crate::plugin_folders::{PluginFolders, id};
use crate::pooler::Pooler;
use crate::runner::run_at;
use crate::test_database::{TestDatabase, execute, history, query_all, query_one};

const SESSION: &str = "pool_mode = session";

pub const ADVISORY_LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                                  (SELECT oid FROM pg_database WHERE datname = current_database())";

pub fn assert_no_lock_is_left(database: &TestDatabase) {
    assert_eq!(query_one(&mut database.connect(), ADVISORY_LOCKS), "0");
}

const PLUGINS: [(&str, &[&str]); 4] = [
    ("shop", &[]),
    ("orders", &["shop"]),
    ("mail", &[]),
    ("search", &[]),
];

/// Four plugins with five migrations each, two of which change settings.
pub fn plugins() -> PluginFolders {
    let plugins = PluginFolders::new(&PLUGINS);
    for (plugin, _) in PLUGINS {
        let log = format!("plugin_{plugin}.log");
        let insert = |number| format!("INSERT INTO {log} VALUES ({number})");
        plugins.write(
            plugin,
            &[
                ("1_log/up.sql", &format!("CREATE TABLE {log} (line int)")),
                ("2_a/up.sql", &insert(2)),
                (
                    "3_b/up.sql",
                    &format!("SET search_path = pg_catalog; {}", insert(3)),
                ),
                (
                    "4_c/up.sql",
                    &format!("SET LOCAL lock_timeout = '1h'; {}", insert(4)),
                ),
                ("5_d/up.sql", &insert(5)),
            ],
        );
    }
    plugins
}

fn index_without_a_transaction(plugin: &str) -> [(String, String); 2] {
    [
        (
            "6_index/up.sql".to_owned(),
            format!(
                "SET lock_timeout = '1h'; CREATE INDEX CONCURRENTLY line ON plugin_{plugin}.log (line)"
            ),
        ),
        (
            "6_index/metadata.toml".to_owned(),
            "run_in_transaction = false".to_owned(),
        ),
    ]
}

pub fn write_index(plugins: &PluginFolders, plugin: &str) {
    for (file, contents) in index_without_a_transaction(plugin) {
        plugins.write(plugin, &[(&file, &contents)]);
    }
}

/// Runs four times at once, while other clients of the pool are busy, and checks that each migration ran once.
pub fn run_four_times_at_once(plugins: &PluginFolders, database: &TestDatabase, pooler: &Pooler) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let client = &mut pooler.client();
            while !done.load(Ordering::Relaxed) {
                client.execute("BEGIN; SELECT pg_sleep(0.001); COMMIT");
            }
        });
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| run_at(&plugins.migrator(), pooler.url())))
            .collect();
        let reports: Vec<_> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        busy.join().unwrap();
        for report in reports {
            let report = report.unwrap_or_else(|error| panic!("{}", plugins.error_report(&error)));
            assert!(report.is_success(), "{}", plugins.error(&report));
        }
    });
    let connection = &mut database.connect();
    for (plugin, _) in PLUGINS {
        let lines = format!("SELECT line FROM plugin_{plugin}.log ORDER BY line");
        assert_eq!(
            query_all(connection, &lines),
            ["2", "3", "4", "5"],
            "{plugin}"
        );
    }
    assert_no_lock_is_left(database);
}

/// Fails on a server that has a setting of a migration.
pub const DEFAULT_SETTINGS: &str = "DO $$ BEGIN IF current_setting('search_path') <> '\"$user\", public' \
                                OR current_setting('lock_timeout') <> '0' THEN RAISE 'changed'; END IF; END $$";

/// A Rust migration, `6_rust`.
#[derive(Clone, Copy)]
struct RustMigration {
    in_transaction: bool,
}

impl std::fmt::Display for RustMigration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("6_rust")
    }
}

impl MigrationName for RustMigration {
    fn version(&self) -> MigrationVersion<'_> {
        "6".into()
    }
}

impl MigrationMetadata for RustMigration {
    fn run_in_transaction(&self) -> bool {
        self.in_transaction
    }
}

impl Migration<Pg> for RustMigration {
    fn run(&self, connection: &mut dyn BoxableConnection<Pg>) -> diesel::migration::Result<()> {
        Ok(connection.batch_execute("CREATE TABLE plugin_shop.line (line int)")?)
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

impl MigrationSource<Pg> for RustMigration {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(vec![Box::new(*self)])
    }
}

pub fn rust_migrator(in_transaction: bool) -> Migrator {
    let shop = PluginMetadata::new("shop");
    Migrator::new(vec![PluginMigrations::new(
        shop,
        RustMigration { in_transaction },
    )])
    .unwrap()
}

#[test]
fn in_session_mode_everything_works() {
    let database = TestDatabase::new();
    // Each run has up to four connections, and each has a server of its own.
    let settings = format!("{SESSION}\ndefault_pool_size = 30");
    let Some(pooler) = Pooler::start(&database, &settings) else {
        return;
    };
    let plugins = plugins();
    for (plugin, _) in PLUGINS {
        write_index(&plugins, plugin);
    }
    run_four_times_at_once(&plugins, &database, &pooler);
    let connection = &mut database.connect();
    for (plugin, _) in PLUGINS {
        assert_eq!(history(connection, &format!("plugin_{plugin}")).len(), 6);
    }
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(query_one(connection, invalid), "0");
    pooler.on_each_server(DEFAULT_SETTINGS);

    for in_transaction in [true, false] {
        execute(connection, "DROP SCHEMA plugin_shop CASCADE");
        let report = run_at(&rust_migrator(in_transaction), pooler.url()).unwrap();
        assert!(
            matches!(report.plugins[0].outcome, Outcome::UpToDate),
            "{:?}",
            report.plugins[0].outcome
        );
    }
    assert_no_lock_is_left(&database);
}

#[test]
fn in_session_mode_migrations_are_reverted_redone_and_marked() {
    let database = TestDatabase::new();
    let Some(pooler) = Pooler::start(&database, SESSION) else {
        return;
    };
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "CREATE TABLE plugin_shop.log (line int)"),
        ("1_a/down.sql", "DROP TABLE plugin_shop.log"),
    ]);
    write_index(&plugins, "shop");
    plugins.write(
        "shop",
        &[(
            "6_index/down.sql",
            "DROP INDEX CONCURRENTLY plugin_shop.line",
        )],
    );
    let migrator = plugins.migrator();
    let shop = &id("shop");
    let connection = &mut pooler.url().connect_session().unwrap();
    assert!(migrator.run(connection, &[]).unwrap().is_success());
    assert_eq!(migrator.redo(connection, shop).unwrap(), "6_index");
    let two = 2.try_into().unwrap();
    let reverted = migrator.revert(connection, shop, two).unwrap();
    assert_eq!(reverted, ["6_index", "1_a"]);
    assert!(migrator.mark_applied(connection, shop, "1").unwrap());
    let repair = migrator.plan_repair(connection, shop).unwrap();
    assert!(repair.changes.is_empty());
    let status = migrator.status(connection).unwrap();
    assert_eq!(status[0].pending().count(), 1);
    assert_no_lock_is_left(&database);
}
