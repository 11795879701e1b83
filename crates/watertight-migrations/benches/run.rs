//! How long it takes to run many small migrations with ours and with Diesel's harness, in the same run of the bench.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, Plugin};

#[path = "../tests/postgres/server.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod server;

use server::{Connection, Database, execute, write};

const PLUGINS: usize = 20;
const MIGRATIONS: usize = 10;
const ROUNDS: usize = 7;

/// Migrates a fresh database.
type Way = fn(&Database, &Path, &[PluginId]);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let plugins: Vec<_> = (0..PLUGINS)
        .map(|number| PluginId::parse(&format!("p{number}")).unwrap())
        .collect();
    for plugin in &plugins {
        write_migrations(&folder.path().join(plugin.as_str()), plugin.schema_name());
    }
    let ways: [(&str, Way); 3] = [
        ("diesel", diesel),
        ("ours, one connection", serial),
        ("ours, two connections", parallel),
    ];
    let mut best = [Duration::MAX; 3];
    // Taking turns, so that whatever else the machine does hits all alike.
    for _ in 0..ROUNDS {
        for (best, (_, way)) in best.iter_mut().zip(&ways) {
            let database = Database::new();
            let start = Instant::now();
            way(&database, folder.path(), &plugins);
            *best = start.elapsed().min(*best);
        }
    }
    println!(
        "{} migrations in {PLUGINS} plugins, best of {ROUNDS}:",
        PLUGINS * MIGRATIONS
    );
    for (time, (name, _)) in best.iter().zip(&ways) {
        let ratio = time.as_secs_f64() / best[0].as_secs_f64();
        println!(
            "{name:22} {:6.1} ms   {ratio:.2} of diesel's time",
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

fn diesel(database: &Database, folder: &Path, plugins: &[PluginId]) {
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
        .map(|id| Plugin::from_folder(*id, Vec::new(), folder.join(id.as_str())));
    Migrator::new(plugins.collect()).unwrap()
}

fn serial(database: &Database, folder: &Path, plugins: &[PluginId]) {
    let report = migrator(folder, plugins)
        .run(&mut database.connect(), &[])
        .unwrap();
    assert_eq!(report.applied_count(), PLUGINS * MIGRATIONS);
}

fn parallel(database: &Database, folder: &Path, plugins: &[PluginId]) {
    let connect = || Ok::<Connection, String>(database.connect());
    let report = migrator(folder, plugins)
        .run_parallel(connect, 2.try_into().unwrap(), &[])
        .unwrap();
    assert_eq!(report.applied_count(), PLUGINS * MIGRATIONS);
}
