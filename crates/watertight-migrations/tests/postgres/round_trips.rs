//! The number of messages that are sent to the server, and of round trips that follow one another.

use std::sync::{Arc, Mutex};

use diesel::Connection as _;
use diesel::connection::InstrumentationEvent;

use crate::delaying_proxy::DelayingProxy;
use crate::plugin_folders::PluginFolders;
use crate::runner::run_at;
use crate::test_database::{Connection, TestDatabase, skip_on_one_connection};

/// Returns the messages that are sent by `action`.
fn messages_of(connection: &mut Connection, action: impl FnOnce(&mut Connection)) -> Vec<String> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&sent);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            log.lock().unwrap().push(query.to_string());
        }
    });
    action(connection);
    sent.lock().unwrap().clone()
}

fn plugins(count: usize) -> PluginFolders {
    let names: Vec<_> = (0..count).map(|number| format!("p{number}")).collect();
    let list: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), &[] as &[&str]))
        .collect();
    let plugins = PluginFolders::new(&list);
    for name in &names {
        plugins.write(
            name,
            &[("1_a/up.sql", "SELECT 1"), ("2_b/up.sql", "SELECT 2")],
        );
    }
    plugins
}

#[test]
fn status_sends_as_many_messages_for_twenty_plugins_as_for_one() {
    let counts = [1, 20].map(|count| {
        let migrator = plugins(count).migrator();
        let database = TestDatabase::new();
        let connection = &mut database.connect();
        migrator.run(connection, &[]).unwrap();
        messages_of(connection, |connection| {
            assert_eq!(migrator.status(connection).unwrap().len(), count);
        })
        .len()
    });
    assert_eq!(counts, [3, 3]);
}

#[test]
fn a_migration_is_one_message() {
    let plugins = plugins(1);
    let migrator = plugins.migrator();
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let messages = messages_of(connection, |connection| {
        assert!(migrator.run(connection, &[]).unwrap().is_success());
    });
    // The check of the connection, the schemas (there is no history to read), their creation, two migrations.
    assert_eq!(messages.len(), 1 + 1 + 1 + 2, "{messages:#?}");

    plugins.write("p0", &[("3_c/up.sql", "SET search_path = public")]);
    let migrator = plugins.migrator();
    let messages = messages_of(connection, |connection| {
        assert!(migrator.run(connection, &[]).unwrap().is_success());
    });
    // The check of the connection, the schemas and histories, the settings, one migration.
    assert_eq!(messages.len(), 1 + 2 + 1 + 1, "{messages:#?}");
}

/// Runs through a proxy, and returns the round trips and connections.
fn round_trips(plugins: &PluginFolders, database: &TestDatabase) -> (usize, usize) {
    let proxy = DelayingProxy::start(database.database_url());
    let report = run_at(&plugins.migrator(), proxy.url()).unwrap();
    assert!(report.is_success(), "{report:?}");
    (proxy.round_trips(), proxy.connections())
}

#[test]
fn a_run_with_nothing_to_do_takes_four_round_trips_for_any_number_of_plugins() {
    if skip_on_one_connection() {
        return;
    }
    for count in [1, 20] {
        let plugins = plugins(count);
        let database = TestDatabase::new();
        plugins
            .migrator()
            .run(&mut database.connect(), &[])
            .unwrap();
        // Two to connect, the schemas, the histories.
        assert_eq!(round_trips(&plugins, &database), (4, 1));
    }
}

#[test]
fn a_first_run_over_four_connections_takes_six_round_trips() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = plugins(4);
    for (plugin, _) in plugins.list() {
        let sql = "SET search_path = pg_temp; SET app.tenant = 'x'";
        plugins.write(plugin.as_str(), &[("3_c/up.sql", sql)]);
    }
    // Two to connect and the schemas, then two to open the other connections while schemas and histories are created,
    // then the migrations.
    let (round_trips, connections) = round_trips(&plugins, &TestDatabase::new());
    assert!(round_trips <= 6, "{round_trips}");
    assert_eq!(connections, 4);
}

#[test]
fn only_connections_that_there_is_work_for_are_opened() {
    if skip_on_one_connection() {
        return;
    }
    let chain = PluginFolders::new(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
    for plugin in ["a", "b", "c"] {
        chain.write(plugin, &[("1_a/up.sql", "SELECT 1")]);
    }
    let database = TestDatabase::new();
    let (_, connections) = round_trips(&chain, &database);
    assert_eq!(connections, 1, "each waits for the one before");

    chain.write("b", &[("2_b/up.sql", "SELECT 1")]);
    chain.write("d", &[("1_a/up.sql", "SELECT 1")]);
    let (_, connections) = round_trips(&chain, &database);
    assert_eq!(connections, 2);
}
