//! Tests of `TestDatabase`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection as _, RunQueryDsl};
use watertight_connection::{Connection, DatabaseUrl};
use watertight_metadata::PluginId;
use watertight_migrations::PluginMigrations;
use watertight_testing::{KEEP_VARIABLE, TestDatabase, serves_one_connection};

/// Set in the processes that tests start.
const CHILD_VARIABLE: &str = "WATERTIGHT_TESTING_CHILD";

const SQL: &str = r#"CREATE TABLE "plugin_testing"."notes" ("text" text NOT NULL);"#;

/// Returns a plugin with one migration.
fn plugin(folder: &Path, sql: &str) -> PluginMigrations {
    let migration = folder.join("2026-01-01-000000_create_notes");
    fs::create_dir_all(&migration).unwrap();
    fs::write(migration.join("up.sql"), sql).unwrap();
    PluginMigrations::from_folder(PluginId::new("testing"), vec![], folder)
}

/// Whether to skip a test that needs a second connection. PGlite's databases are tested in `watertight-embedded`.
fn skip_with_one_connection() -> bool {
    let skip = serves_one_connection();
    if skip {
        eprintln!("skipped: a PGlite serves one connection");
    }
    skip
}

fn exists(connection: &mut Connection, database: &str) -> bool {
    sql::<Bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = ")
        .bind::<Text, _>(database)
        .sql(")")
        .get_result(connection)
        .unwrap()
}

/// Connects to another database of the same server.
fn connect_to_server(url: &DatabaseUrl) -> Connection {
    url.with_database("postgres").connect().unwrap()
}

#[test]
fn each_test_has_a_migrated_database_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let first = TestDatabase::new(vec![plugin(folder.path(), SQL)]);
    let second = TestDatabase::new(vec![plugin(folder.path(), SQL)]);
    first
        .connect()
        .batch_execute("INSERT INTO plugin_testing.notes VALUES ('mine')")
        .unwrap();
    let notes: i64 = sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM plugin_testing.notes")
        .get_result(&mut second.connect())
        .unwrap();
    assert_eq!(notes, 0);
}

#[test]
fn the_database_is_dropped_while_a_connection_is_open() {
    if skip_with_one_connection() {
        return;
    }
    let database = TestDatabase::new(vec![]);
    let name = database.url().database_name().to_owned();
    let mut server = connect_to_server(database.url());
    let mut open = database.connect();
    open.begin_test_transaction().unwrap();
    assert!(exists(&mut server, &name));
    drop(database);
    assert!(!exists(&mut server, &name));
}

#[test]
fn a_changed_migration_replaces_the_template() {
    if skip_with_one_connection() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let templates = |database: &TestDatabase| -> Vec<String> {
        // Without those that other tests are creating at the moment.
        sql::<Text>(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'watertight_template_%' \
             AND datname NOT LIKE 'watertight_template_unfinished_%' ORDER BY 1",
        )
        .load(&mut database.connect())
        .unwrap()
    };
    // A plugin that no other test uses.
    let changing_plugin = |sql: &str| {
        let _ = plugin(
            folder.path(),
            &sql.replace("plugin_testing", "plugin_changing"),
        );
        PluginMigrations::from_folder(PluginId::new("changing"), vec![], folder.path())
    };
    let before = TestDatabase::new(vec![changing_plugin(SQL)]);
    let old = templates(&before);
    let after = TestDatabase::new(vec![changing_plugin(&SQL.replace("\"text\"", "\"line\""))]);
    let new = templates(&after);
    after
        .connect()
        .batch_execute("INSERT INTO plugin_changing.notes (line) VALUES ('new')")
        .unwrap();
    let dropped: Vec<_> = old.iter().filter(|name| !new.contains(name)).collect();
    assert_eq!(dropped.len(), 1, "{old:?} {new:?}");
    // The name ends with the fingerprint of the migrations.
    let family = dropped[0].rsplit_once('_').unwrap().0;
    let replacements = new.iter().filter(|name| name.starts_with(family));
    assert_eq!(replacements.count(), 1, "{old:?} {new:?}");
}

#[tokio::test]
async fn an_async_test_can_create_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new(vec![plugin(folder.path(), SQL)]);
    assert!(database.url().connect_async().await.is_ok());
}

#[test]
fn a_failing_migration_is_named_in_the_panic() {
    let folder = tempfile::tempdir().unwrap();
    let broken = plugin(folder.path(), &format!("{SQL}\nSELECT nonsense;"));
    let panic = std::thread::spawn(|| TestDatabase::new(vec![broken]))
        .join()
        .err()
        .unwrap();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("up.sql:2:8"), "{message}");
    assert!(
        message.contains("column \"nonsense\" does not exist"),
        "{message}"
    );
}

#[test]
fn the_database_of_a_failed_test_is_kept_on_request() {
    let stderr = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let dropped = run("fails_with_a_database", &[]);
    assert!(
        !stderr(&dropped).contains("is kept"),
        "{}",
        stderr(&dropped)
    );

    let kept = run("fails_with_a_database", &[(KEEP_VARIABLE, "1")]);
    let output = stderr(&kept);
    if serves_one_connection() {
        let cannot = "error: failed to keep the database: its PGlite ends with this process\nhint: set DATABASE_URL";
        assert!(output.contains(cannot), "{output}");
        return;
    }
    let url = output.split("the database of this test is kept: ").nth(1);
    let url = url
        .unwrap_or_else(|| panic!("{output}"))
        .lines()
        .next()
        .unwrap();
    // It is printed without its password.
    let printed: DatabaseUrl = url.parse().unwrap();
    let name = printed.database_name();
    let url = TestDatabase::new(vec![]).url().with_database(name);
    url.connect().unwrap();
    connect_to_server(&url)
        .batch_execute(&format!("DROP DATABASE \"{name}\""))
        .unwrap();
}

#[test]
fn the_database_of_a_killed_test_is_dropped_by_a_later_test() {
    if skip_with_one_connection() {
        return;
    }
    let killed = run("is_killed_with_a_database", &[]);
    let name = String::from_utf8_lossy(&killed.stdout);
    let name = name
        .split("database=")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let later = run("succeeds_with_a_database", &[]);
    assert!(later.status.success(), "{later:?}");
    let database = TestDatabase::new(vec![]);
    assert!(!exists(&mut connect_to_server(database.url()), &name));
}

/// Runs one of the tests below in a process of its own. In other processes they do nothing.
fn run(test: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_remove(KEEP_VARIABLE)
        .env(CHILD_VARIABLE, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn is_child() -> bool {
    std::env::var_os(CHILD_VARIABLE).is_some()
}

#[test]
fn fails_with_a_database() {
    if !is_child() {
        return;
    }
    let _database = TestDatabase::new(vec![]);
    panic!("on purpose");
}

#[test]
fn succeeds_with_a_database() {
    if !is_child() {
        return;
    }
    let _database = TestDatabase::new(vec![]);
}

#[test]
fn is_killed_with_a_database() {
    if !is_child() {
        return;
    }
    let database = TestDatabase::new(vec![]);
    println!("database={}", database.url().database_name());
    std::process::abort();
}
