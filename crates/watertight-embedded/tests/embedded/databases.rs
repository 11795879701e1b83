//! Creating and dropping databases.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use watertight_connection::DatabaseUrl;
use watertight_diagnostics::ErrorReport;
use watertight_embedded::{
    EmbeddedServer, MaintenanceError, ScratchDatabase, create_missing_database, recreate_database,
};

/// The environment variable with the server's URL for [`a_scratch_database_in_another_process`].
const URL_VARIABLE: &str = "WATERTIGHT_TEST_SERVER";

/// Not a test itself: another test runs it as a process that it can kill.
#[test]
fn a_scratch_database_in_another_process() {
    let Ok(url) = std::env::var(URL_VARIABLE) else {
        return;
    };
    let scratch = ScratchDatabase::create(&DatabaseUrl::parse(&url).unwrap(), "swept").unwrap();
    println!("\ncreated {}", scratch.url().database_name());
    sleep(Duration::from_mins(1));
}

/// Returns the server that all tests share. It stops some seconds after this process has ended.
fn server() -> &'static DatabaseUrl {
    static SERVER: OnceLock<EmbeddedServer> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("databases");
        fs::create_dir_all(&workspace).unwrap();
        EmbeddedServer::acquire(&workspace).unwrap()
    });
    server.url()
}

/// Returns whether the server is a PGlite, which has no concurrent connections, and no roles that can log in.
fn serves_one_connection() -> bool {
    let one = server().serves_one_connection();
    if one {
        eprintln!("skipped: a PGlite serves one connection");
    }
    one
}

fn execute(url: &DatabaseUrl, sql: &str) {
    url.connect().unwrap().batch_execute(sql).unwrap();
}

/// Returns the server's databases whose names begin with `prefix`.
fn databases(prefix: &str) -> Vec<String> {
    sql::<Text>("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, ")
        .bind::<Text, _>(prefix)
        .sql(") ORDER BY 1")
        .load(&mut server().connect().unwrap())
        .unwrap()
}

/// Returns the URL of a database for another role.
fn url_as(role: &str, database: &str) -> DatabaseUrl {
    let url = server().expose_secret();
    let url = url.replace("//watertight@", &format!("//{role}@"));
    let url = DatabaseUrl::parse_in(&url, &|_| None).unwrap();
    url.with_database(database)
}

/// Drops the databases that an earlier run of the tests has left.
fn drop_databases(prefix: &str) {
    for name in databases(prefix) {
        execute(server(), &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    }
}

#[test]
fn a_scratch_database_in_use_is_dropped_with_its_value() {
    if serves_one_connection() {
        return;
    }
    let scratch = ScratchDatabase::create(server(), "scratch").unwrap();
    execute(scratch.url(), "CREATE TABLE from_template AS SELECT 1");
    let open = scratch.url().connect().unwrap();
    let copy = ScratchDatabase::from_template(server(), "copy", scratch.url().database_name());
    let error = ErrorReport::new(&copy.unwrap_err()).to_string();
    assert!(
        error.contains("is being accessed by other users"),
        "{error}"
    );
    drop(open);
    let copy = (0..50).find_map(|_| {
        // The server closes a dropped connection some time later.
        sleep(Duration::from_millis(50));
        ScratchDatabase::from_template(server(), "copy", scratch.url().database_name()).ok()
    });
    let copy = copy.unwrap();
    execute(copy.url(), "TABLE from_template");

    let _open = scratch.url().connect().unwrap();
    drop((scratch, copy));
    assert!(databases("scratch_").is_empty() && databases("copy_").is_empty());
}

#[test]
fn a_scratch_database_works_inside_an_async_task() {
    for runtime in [
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    ] {
        runtime.block_on(async {
            let scratch = ScratchDatabase::create(server(), "task").unwrap();
            let mut connection = scratch.url().connect_async().await.unwrap();
            let create = "CREATE TABLE one (n int)";
            diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, create)
                .await
                .unwrap();
        });
    }
    assert!(databases("task_").is_empty());
}

#[test]
fn a_sweep_drops_the_databases_of_killed_processes_only() {
    if serves_one_connection() {
        return;
    }
    drop_databases("swept");
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "databases::a_scratch_database_in_another_process",
            "--nocapture",
        ])
        .env(URL_VARIABLE, server().expose_secret())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let orphan = lines
        .find_map(|line| line.strip_prefix("created ").map(str::to_owned))
        .unwrap();

    let live = ScratchDatabase::create(server(), "swept").unwrap();
    let kept = ScratchDatabase::create(server(), "swept")
        .unwrap()
        .keep()
        .unwrap();
    let other_prefix = ScratchDatabase::create(server(), "swept_not").unwrap();
    execute(server(), "CREATE DATABASE swept_by_hand");
    assert_eq!(ScratchDatabase::sweep(server(), "swept").unwrap(), [""; 0]);

    process.kill().unwrap();
    process.wait().unwrap();
    let swept = (0..50).find_map(|_| {
        // The server notices some time later that the process has ended.
        sleep(Duration::from_millis(50));
        Some(ScratchDatabase::sweep(server(), "swept").unwrap()).filter(|swept| !swept.is_empty())
    });
    assert_eq!(swept, Some(vec![orphan]));
    let mut remaining = [live.url(), &kept, other_prefix.url()]
        .map(|url| url.database_name().to_owned())
        .to_vec();
    remaining.push("swept_by_hand".to_owned());
    remaining.sort();
    assert_eq!(databases("swept"), remaining);
}

#[test]
fn many_scratch_databases_can_be_created_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let scratch = ScratchDatabase::create(server(), "many").unwrap();
                scratch
                    .url()
                    .connect()
                    .unwrap()
                    .batch_execute("SELECT 1")
                    .unwrap();
                ScratchDatabase::sweep(server(), "many").unwrap();
            });
        }
    });
    assert!(databases("many_").is_empty());
}

#[test]
fn a_missing_right_is_reported_and_nothing_is_dropped() {
    if serves_one_connection() {
        return;
    }
    drop_databases("shop");
    let roles = "DROP ROLE IF EXISTS app; DROP ROLE IF EXISTS creator; \
                 CREATE ROLE app LOGIN; CREATE ROLE creator LOGIN CREATEDB";
    execute(server(), roles);
    execute(server(), "CREATE DATABASE shop OWNER app");
    let report = |error: MaintenanceError| ErrorReport::new(&error).to_string();
    let error = ScratchDatabase::create(&url_as("app", "watertight"), "test").unwrap_err();
    assert!(
        matches!(error, MaintenanceError::NoCreateDb { .. }),
        "{error}"
    );
    let error = recreate_database(&url_as("app", "shop")).unwrap_err();
    insta::assert_snapshot!(report(error), @r#"
    error: failed to create the database `shop`: the role `app` does not have the right CREATEDB
    hint: give it the right with ALTER ROLE "app" CREATEDB, or use another role
    "#);
    let missing = create_missing_database(&url_as("app", "no_shop")).unwrap_err();
    insta::assert_snapshot!(report(missing), @r#"
    error: failed to create the database `no_shop`: the role `app` does not have the right CREATEDB
    hint: give it the right with ALTER ROLE "app" CREATEDB, or use another role
    "#);
    assert!(!create_missing_database(&url_as("app", "shop")).unwrap());
    let error = recreate_database(&url_as("creator", "shop")).unwrap_err();
    insta::assert_snapshot!(report(error), @r"
    error: failed to drop the database `shop`: it belongs to the role `app`, and `creator` is not a member of that
    hint: connect as `app`, or change the owner with ALTER DATABASE … OWNER TO
    ");
    assert_eq!(databases("shop"), ["shop"]);
    let error = recreate_database(&server().with_database("template1")).unwrap_err();
    insta::assert_snapshot!(report(error), @r"
    error: failed to drop the database `template1`: cannot drop a template database
    hint: fix the cause, and try again
    ");
}

#[test]
fn a_database_in_use_is_recreated_empty() {
    if serves_one_connection() {
        return;
    }
    let notes = server().with_database("recreated");
    recreate_database(&notes).unwrap();
    execute(&notes, "CREATE TABLE notes (text text)");
    let _open = notes.connect().unwrap();
    recreate_database(&notes).unwrap();
    let exists = sql::<Bool>("SELECT to_regclass('notes') IS NOT NULL");
    assert_eq!(exists.get_result(&mut notes.connect().unwrap()), Ok(false));
    // It need not exist, and its name can have any characters.
    let odd = server().with_database("Odd \"name\" ä%/?");
    recreate_database(&odd).unwrap();
    recreate_database(&odd).unwrap();
    DatabaseUrl::parse_in(odd.expose_secret(), &|_| None)
        .unwrap()
        .connect()
        .unwrap();
}
