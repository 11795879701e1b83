//! What a test can rely on when it asks for a database.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection as _, RunQueryDsl};
use watertight_connection::{Connection, DatabaseUrl};
use watertight_metadata::PluginId;
use watertight_migrations::Plugin;
use watertight_testing::{KEEP_VARIABLE, TestDatabase, serves_one_connection};

const SQL: &str = r#"CREATE TABLE "plugin_testing"."notes" ("text" text NOT NULL);"#;

/// A plugin with one migration.
fn plugin(folder: &Path, sql: &str) -> Plugin {
    let migration = folder.join("2026-01-01-000000_create_notes");
    fs::create_dir_all(&migration).unwrap();
    fs::write(migration.join("up.sql"), sql).unwrap();
    Plugin::from_folder(PluginId::new("testing"), vec![], folder)
}

/// For a test that looks at a server's databases. Those of a PGlite are looked at in `watertight-embedded`.
fn has_one_connection() -> bool {
    let one = serves_one_connection();
    if one {
        eprintln!("skipped: a PGlite serves one connection");
    }
    one
}

fn exists(connection: &mut Connection, database: &str) -> bool {
    sql::<Bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = ")
        .bind::<Text, _>(database)
        .sql(")")
        .get_result(connection)
        .unwrap()
}

/// A connection that stays when the test's database goes.
fn beside(url: &DatabaseUrl) -> Connection {
    url.with_database("postgres").connect().unwrap()
}

#[test]
fn each_database_has_the_migrations_and_nothing_of_another_test() {
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
fn the_database_is_dropped_also_while_a_connection_is_open() {
    if has_one_connection() {
        return;
    }
    let database = TestDatabase::new(vec![]);
    let name = database.url().database_name().to_owned();
    let mut others = beside(database.url());
    let mut open = database.connect();
    open.begin_test_transaction().unwrap();
    assert!(exists(&mut others, &name));
    drop(database);
    assert!(!exists(&mut others, &name));
}

#[test]
fn a_changed_migration_makes_a_template_anew_and_drops_the_old_one() {
    if has_one_connection() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let templates = |database: &TestDatabase| -> Vec<String> {
        // Not those that other tests are just making.
        sql::<Text>(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'watertight_template_%' \
             AND datname NOT LIKE 'watertight_template_unfinished_%' ORDER BY 1",
        )
        .load(&mut database.connect())
        .unwrap()
    };
    // A set of plugins that no other test has.
    let renamed = |sql: &str| {
        let _ = plugin(
            folder.path(),
            &sql.replace("plugin_testing", "plugin_changing"),
        );
        Plugin::from_folder(PluginId::new("changing"), vec![], folder.path())
    };
    let before = TestDatabase::new(vec![renamed(SQL)]);
    let old = templates(&before);
    let after = TestDatabase::new(vec![renamed(&SQL.replace("\"text\"", "\"line\""))]);
    let new = templates(&after);
    after
        .connect()
        .batch_execute("INSERT INTO plugin_changing.notes (line) VALUES ('new')")
        .unwrap();
    let gone: Vec<_> = old.iter().filter(|name| !new.contains(name)).collect();
    assert_eq!(gone.len(), 1, "{old:?} {new:?}");
    // The name is the plugins' part, and then the migrations'.
    let plugins = gone[0].rsplit_once('_').unwrap().0;
    let instead = new.iter().filter(|name| name.starts_with(plugins));
    assert_eq!(instead.count(), 1, "{old:?} {new:?}");
}

#[tokio::test]
async fn an_async_test_can_ask_for_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new(vec![plugin(folder.path(), SQL)]);
    assert!(database.url().connect_async().await.is_ok());
}

#[test]
fn a_migration_that_fails_is_named_and_leaves_no_database() {
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
fn a_failed_test_s_database_is_dropped_unless_the_variable_keeps_it() {
    let printed = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let dropped = run("fails_with_a_database", &[]);
    assert!(
        !printed(&dropped).contains("is kept"),
        "{}",
        printed(&dropped)
    );

    let kept = run("fails_with_a_database", &[(KEEP_VARIABLE, "1")]);
    let said = printed(&kept);
    if serves_one_connection() {
        let cannot = "failed to keep the database: PGlite ends with the process that uses it; set DATABASE_URL";
        assert!(said.contains(cannot), "{said}");
        return;
    }
    let url = said.split("the database of this test is kept: ").nth(1);
    let url = url
        .unwrap_or_else(|| panic!("{said}"))
        .lines()
        .next()
        .unwrap();
    // Printed without its password.
    let printed: DatabaseUrl = url.parse().unwrap();
    let name = printed.database_name();
    let url = TestDatabase::new(vec![]).url().with_database(name);
    url.connect().unwrap();
    beside(&url)
        .batch_execute(&format!("DROP DATABASE \"{name}\""))
        .unwrap();
}

#[test]
fn a_killed_test_s_database_is_dropped_by_a_later_one() {
    if has_one_connection() {
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
    assert!(!exists(&mut beside(database.url()), &name));
}

/// Runs one of the tests below in a process of its own.
fn run(test: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_remove(KEEP_VARIABLE)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn fails_with_a_database() {
    let _database = TestDatabase::new(vec![]);
    panic!("on purpose");
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn succeeds_with_a_database() {
    let _database = TestDatabase::new(vec![]);
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn is_killed_with_a_database() {
    let database = TestDatabase::new(vec![]);
    println!("database={}", database.url().database_name());
    std::process::abort();
}
