//! Compares the time to run many small migrations with a `Migrator` and with Diesel's harness.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, PluginMigrations};

#[path = "../tests/postgres/test_database.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod test_database;

use test_database::{TestDatabase, execute, write};

const PLUGINS: usize = 20;
const MIGRATIONS: usize = 10;
const ROUNDS: usize = 7;

/// Migrates an empty database.
type Runner = fn(&TestDatabase, &Path, &[PluginId]);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let plugins: Vec<_> = (0..PLUGINS)
        .map(|number| PluginId::parse(&format!("p{number}")).unwrap())
        .collect();
    for plugin in &plugins {
        write_migrations(&folder.path().join(plugin.as_str()), plugin.schema_name());
    }
    let runners: [(&str, Runner); 3] = [
        ("Diesel", diesel),
        ("one connection", serial),
        ("two connections", parallel),
    ];
    let mut best = [Duration::MAX; 3];
    // They take turns so that other load on the machine affects all of them.
    for _ in 0..ROUNDS {
        for (best, (_, run)) in best.iter_mut().zip(&runners) {
            let database = TestDatabase::new();
            let start = Instant::now();
            run(&database, folder.path(), &plugins);
            *best = start.elapsed().min(*best);
        }
    }
    println!(
        "{} migrations in {PLUGINS} plugins, best of {ROUNDS}:",
        PLUGINS * MIGRATIONS
    );
    for (time, (name, _)) in best.iter().zip(&runners) {
        let ratio = time.as_secs_f64() / best[0].as_secs_f64();
        println!(
            "{name:22} {:6.1} ms   {ratio:.2} of Diesel's time",
            time.as_secs_f64() * 1e3
        );
    }
}

fn write_migrations(folder: &Path, schema: &str) {
    for number in 0..MIGRATIONS {
        let table = format!("\"{schema}\".\"t{number}\"");
        let sql = format!("CREATE TABLE {table} (id int PRIMARY KEY, name text NOT NULL);\n");
        write(
            folder,
            &[(&format!("2026-01-01-00000{number}_t/up.sql"), &sql)],
        );
    }
}

fn diesel(database: &TestDatabase, folder: &Path, plugins: &[PluginId]) {
    let mut connection = database.connect();
    for plugin in plugins {
        let schema = plugin.schema_name();
        execute(
            &mut connection,
            &format!("CREATE SCHEMA {schema}; SET search_path = {schema}"),
        );
        let source = FileBasedMigrations::from_path(folder.join(plugin.as_str())).unwrap();
        assert_eq!(
            connection.run_pending_migrations(source).unwrap().len(),
            MIGRATIONS
        );
    }
}

fn migrator(folder: &Path, plugins: &[PluginId]) -> Migrator {
    let plugins = plugins
        .iter()
        .map(|id| PluginMigrations::from_folder(*id, Vec::new(), folder.join(id.as_str())));
    Migrator::new(plugins.collect()).unwrap()
}

fn serial(database: &TestDatabase, folder: &Path, plugins: &[PluginId]) {
    let report = migrator(folder, plugins)
        .run(&mut database.connect(), &[])
        .unwrap();
    assert_eq!(report.applied_count(), PLUGINS * MIGRATIONS);
}

fn parallel(database: &TestDatabase, folder: &Path, plugins: &[PluginId]) {
    let report = migrator(folder, plugins)
        .jobs(2.try_into().unwrap())
        .run_on(database.database_url(), &[])
        .unwrap();
    assert_eq!(report.applied_count(), PLUGINS * MIGRATIONS);
}
