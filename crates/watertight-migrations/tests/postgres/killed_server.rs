//! A server that is killed while migrations run.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use watertight_embedded::{EmbeddedKind, EmbeddedServer};
use watertight_migrations::MigrationProgress;

use crate::plugin_folders::{PluginFolders, applied};
use crate::rounds::{rounds, spread};
use crate::test_database::{Connection, query_all, query_one};

/// A PGlite starts faster.
const PGLITE_ROUNDS: usize = 50;
const POSTGRESQL_ROUNDS: usize = 6;
/// More than run before the kill.
const MIGRATIONS: usize = 40;

fn write_migrations(plugins: &PluginFolders, from: usize) {
    for number in from..from + MIGRATIONS {
        let table = format!("plugin_shop.t{number:05}");
        let sql = format!(
            "CREATE TABLE {table} AS SELECT generate_series(1, 100) AS i; CREATE INDEX ON {table} (i)"
        );
        plugins.write("shop", &[(&format!("{number:05}_a/up.sql"), &sql)]);
    }
}

/// Kills the server in one of several ways.
fn kill(workspace: &Path, kind: EmbeddedKind, round: usize) {
    let running = EmbeddedServer::status(workspace).unwrap().running;
    let pid = running.unwrap().pid;
    let (signal, target) = match kind {
        // The helper and at the same time the process that runs PostgreSQL.
        EmbeddedKind::Pglite if round.is_multiple_of(2) => ("-KILL", format!("-{pid}")),
        // As `pg_ctl stop --mode immediate`.
        EmbeddedKind::Postgresql if round.is_multiple_of(3) => ("-QUIT", pid.to_string()),
        // All processes of the server but the first, whose crash ends the server. Some may end by themselves before.
        EmbeddedKind::Postgresql if round % 3 == 1 => {
            let _ = Command::new("pkill")
                .args(["-KILL", "-P", &pid.to_string()])
                .status();
            return;
        }
        EmbeddedKind::Pglite | EmbeddedKind::Postgresql => ("-KILL", pid.to_string()),
    };
    let killed = Command::new("kill").args([signal, "--", &target]).status();
    assert!(killed.unwrap().success());
    // Until a PGlite's processes have ended, it counts as running.
    let is_running = || EmbeddedServer::status(workspace).unwrap().running;
    while kind == EmbeddedKind::Pglite && is_running().is_some_and(|running| running.pid == pid) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the numbers in the history, and those of the tables that are complete.
fn recorded_and_existing(connection: &mut Connection) -> (Vec<String>, Vec<String>) {
    let history = "SELECT to_regclass('plugin_shop.__diesel_schema_migrations') IS NOT NULL";
    if query_one(connection, history) != "true" {
        return (Vec::new(), Vec::new());
    }
    let recorded = query_all(
        connection,
        "SELECT version FROM plugin_shop.__diesel_schema_migrations ORDER BY version",
    );
    let tables = query_all(
        connection,
        "SELECT substr(relname, 2) FROM pg_class WHERE relnamespace = 'plugin_shop'::regnamespace \
         AND relkind = 'r' AND relname LIKE 't%' \
         AND (SELECT count(*) FROM pg_index WHERE indrelid = pg_class.oid AND indisvalid) = 1 ORDER BY 1",
    );
    for table in tables.iter().rev().take(3) {
        let rows = query_one(
            connection,
            &format!("SELECT count(*) FROM plugin_shop.t{table} WHERE i > 0"),
        );
        assert_eq!(rows, "100", "t{table}");
    }
    (recorded, tables)
}

#[test]
fn a_killed_server_keeps_what_was_committed_and_nothing_incomplete() {
    let workspace = tempfile::tempdir().unwrap();
    let workspace = workspace.path();
    let kind = EmbeddedServer::status(workspace).unwrap().kind;
    let rounds = rounds(match kind {
        EmbeddedKind::Pglite => PGLITE_ROUNDS,
        EmbeddedKind::Postgresql => POSTGRESQL_ROUNDS,
    });
    let plugins = PluginFolders::shop(&[]);
    let mut before: Vec<String> = Vec::new();
    let mut interrupted = 0;
    for round in 0..rounds {
        write_migrations(&plugins, before.len() + 1);
        // Every fifth round kills the server while it starts, the others shortly after a migration has started.
        let at_start = round % 5 == 0;
        let kill_in = spread(round, 30);
        let (started, migrations) = channel();
        let migrator = plugins.migrator().on_progress(move |progress| {
            if let MigrationProgress::Started { .. } = progress {
                let _ = started.send(());
            }
        });
        let server = EmbeddedServer::acquire(workspace).unwrap();
        let reported = thread::scope(|scope| {
            scope.spawn(move || {
                if at_start {
                    thread::sleep(Duration::from_millis(10 + spread(round, 400) as u64));
                } else {
                    let _ = migrations.iter().nth(kill_in);
                    thread::sleep(Duration::from_micros(spread(round, 5000) as u64));
                }
                kill(workspace, kind, round);
            });
            let mut connection = server.url().connect().ok()?;
            migrator.run(&mut connection, &[]).ok()
        });
        let committed = reported.as_ref().map(applied).unwrap_or_default();
        interrupted += usize::from(reported.is_some_and(|report| !report.is_success()));
        drop(server);

        let server = EmbeddedServer::acquire(workspace).unwrap();
        let mut connection = server.url().connect().unwrap();
        let (recorded, existing) = recorded_and_existing(&mut connection);
        assert_eq!(recorded, existing, "round {round}");
        assert!(recorded.starts_with(&before), "round {round}");
        for name in committed {
            let version = name.trim_end_matches("_a").to_owned();
            assert!(recorded.contains(&version), "round {round}: {name} is lost");
        }
        before = recorded;
    }
    assert!(
        interrupted >= rounds / 5,
        "only {interrupted} runs were interrupted"
    );
    EmbeddedServer::stop(workspace).unwrap();
}
