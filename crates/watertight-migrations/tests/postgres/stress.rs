//! Many processes that migrate many plugins at once.

use crate::child_process::spawn_run;
use crate::plugin_folders::PluginFolders;
use crate::rounds::rounds;
use crate::test_database::{TestDatabase, query_all, query_one, skip_on_one_connection};

const ROUNDS: usize = 1;
const PROCESSES: usize = 8;
const PLUGINS: usize = 20;

/// Plugins whose indexes are built concurrently. Every fourth depends on the one before it.
fn plugins() -> PluginFolders {
    let names: Vec<_> = (0..PLUGINS).map(|number| format!("p{number}")).collect();
    let needs: Vec<Vec<&str>> = (0..PLUGINS)
        .map(|number| match number % 4 {
            3 => vec![names[number - 1].as_str()],
            _ => Vec::new(),
        })
        .collect();
    let list: Vec<_> = names
        .iter()
        .zip(&needs)
        .map(|(name, needs)| (name.as_str(), needs.as_slice()))
        .collect();
    let plugins = PluginFolders::new(&list);
    for name in &names {
        let log = format!("plugin_{name}.log");
        plugins.write(
            name,
            &[
                (
                    "1_log/up.sql",
                    &format!("CREATE TABLE {log} AS SELECT 1 AS line"),
                ),
                (
                    "2_index/up.sql",
                    &format!(
                        "CREATE INDEX CONCURRENTLY a ON {log} (line); CREATE UNIQUE INDEX CONCURRENTLY b ON {log} (line)"
                    ),
                ),
                ("2_index/metadata.toml", "run_in_transaction = false"),
                ("3_row/up.sql", &format!("INSERT INTO {log} VALUES (3)")),
                (
                    "4_index/up.sql",
                    &format!("CREATE INDEX CONCURRENTLY c ON {log} ((line + 1))"),
                ),
                ("4_index/metadata.toml", "run_in_transaction = false"),
                ("5_row/up.sql", &format!("INSERT INTO {log} VALUES (5)")),
            ],
        );
    }
    plugins
}

#[test]
#[ignore = "takes many seconds; CI runs it"]
fn eight_processes_build_the_indexes_of_twenty_plugins_exactly_once() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = plugins();
    for round in 0..rounds(ROUNDS) {
        let database = TestDatabase::new();
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| spawn_run(&plugins, database.url()))
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success(), "round {round}");
        }
        let connection = &mut database.connect();
        for plugin in 0..PLUGINS {
            let lines = query_all(
                connection,
                &format!("SELECT line FROM plugin_p{plugin}.log ORDER BY line"),
            );
            assert_eq!(lines, ["1", "3", "5"], "round {round}, plugin {plugin}");
        }
        let indexes = "SELECT count(*) FILTER (WHERE indisvalid) || ' of ' || count(*) FROM pg_index \
                       JOIN pg_class ON pg_class.oid = indrelid WHERE relname = 'log'";
        assert_eq!(query_one(connection, indexes), "60 of 60", "round {round}");
    }
}
