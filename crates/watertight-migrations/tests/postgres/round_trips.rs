//! The number of messages that are sent to the server.

use std::sync::{Arc, Mutex};

use diesel::Connection as _;
use diesel::connection::InstrumentationEvent;

use crate::plugin_folders::PluginFolders;
use crate::test_database::{Connection, TestDatabase};

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
