//! Databases that are made and dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use tempfile::TempDir;
use watertight_connection::DatabaseUrl;
use watertight_embedded::{EmbeddedServer, ScratchDatabase, recreate_database};

/// Gives the helper process the server's URL.
const HELPER: &str = "WATERTIGHT_TEST_SERVER";

/// Not a test by itself: a process with a scratch database, to be killed.
#[test]
fn a_maker_in_a_process_of_its_own() {
    let Ok(url) = std::env::var(HELPER) else {
        return;
    };
    let scratch = ScratchDatabase::create(&DatabaseUrl::parse(&url).unwrap(), "swept").unwrap();
    println!("\nmade {}", scratch.url().database_name());
    sleep(Duration::from_mins(1));
}

struct Server {
    embedded: EmbeddedServer,
    workspace: TempDir,
}

impl Server {
    fn start() -> Self {
        let workspace = tempfile::tempdir().unwrap();
        Self {
            embedded: EmbeddedServer::acquire(workspace.path()).unwrap(),
            workspace,
        }
    }

    /// For a test of what a PGlite does not have: other connections, and roles that log in.
    fn has_one_connection(&self) -> bool {
        let one = self.url().serves_one_connection();
        if one {
            eprintln!("skipped: a PGlite serves one connection");
        }
        one
    }

    fn url(&self) -> &DatabaseUrl {
        self.embedded.url()
    }

    fn execute(&self, sql: &str) {
        self.url().connect().unwrap().batch_execute(sql).unwrap();
    }

    /// The server's databases that begin with `prefix`.
    fn databases(&self, prefix: &str) -> Vec<String> {
        sql::<Text>("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, ")
            .bind::<Text, _>(prefix)
            .sql(") ORDER BY 1")
            .load(&mut self.url().connect().unwrap())
            .unwrap()
    }

    /// The URL of another role.
    fn url_of(&self, role: &str) -> DatabaseUrl {
        DatabaseUrl::parse_in(
            &self
                .url()
                .expose_secret()
                .replace("//watertight@", &format!("//{role}@")),
            &|_| None,
        )
        .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = EmbeddedServer::stop(self.workspace.path());
    }
}

#[test]
fn a_scratch_database_goes_when_it_is_dropped_though_someone_is_connected() {
    let server = Server::start();
    if server.has_one_connection() {
        return;
    }
    server.execute("CREATE TABLE from_template AS SELECT 1");
    let scratch = ScratchDatabase::create(server.url(), "scratch").unwrap();
    let _open = scratch.url().connect().unwrap();
    let copy = ScratchDatabase::from_template(server.url(), "copy", scratch.url().database_name());
    assert!(
        copy.unwrap_err()
            .to_string()
            .contains("is being accessed by other users")
    );
    drop(scratch);
    assert!(server.databases("scratch_").is_empty() && server.databases("copy_").is_empty());

    let copy = ScratchDatabase::from_template(server.url(), "copy", "watertight").unwrap();
    copy.url()
        .connect()
        .unwrap()
        .batch_execute("TABLE from_template")
        .unwrap();
}

#[test]
fn a_scratch_database_can_be_used_inside_an_async_task() {
    let server = Server::start();
    for runtime in [
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    ] {
        runtime.block_on(async {
            let scratch = ScratchDatabase::create(server.url(), "scratch").unwrap();
            let mut connection = scratch.url().connect_async().await.unwrap();
            let create = "CREATE TABLE one (n int)";
            diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, create)
                .await
                .unwrap();
        });
    }
    assert!(server.databases("scratch_").is_empty());
}

#[test]
fn a_sweep_takes_what_killed_processes_left_and_nothing_else() {
    let server = Server::start();
    if server.has_one_connection() {
        return;
    }
    let mut maker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_maker_in_a_process_of_its_own", "--nocapture"])
        .env(HELPER, server.url().expose_secret())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(maker.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let orphan = lines
        .find_map(|line| line.strip_prefix("made ").map(str::to_owned))
        .unwrap();

    let live = ScratchDatabase::create(server.url(), "swept").unwrap();
    let kept = ScratchDatabase::create(server.url(), "swept")
        .unwrap()
        .keep()
        .unwrap();
    let other_prefix = ScratchDatabase::create(server.url(), "swept_not").unwrap();
    server.execute("CREATE DATABASE swept_by_hand");
    assert_eq!(
        ScratchDatabase::sweep(server.url(), "swept").unwrap(),
        [""; 0]
    );

    maker.kill().unwrap();
    maker.wait().unwrap();
    let swept = (0..50).find_map(|_| {
        // The server notices within moments that the maker is gone.
        sleep(Duration::from_millis(50));
        Some(ScratchDatabase::sweep(server.url(), "swept").unwrap())
            .filter(|swept| !swept.is_empty())
    });
    assert_eq!(swept, Some(vec![orphan]));
    let mut left = [live.url(), &kept, other_prefix.url()]
        .map(|url| url.database_name().to_owned())
        .to_vec();
    left.push("swept_by_hand".to_owned());
    left.sort();
    assert_eq!(server.databases("swept"), left);
}

#[test]
fn many_scratch_databases_can_be_made_at_once() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let scratch = ScratchDatabase::create(server.url(), "many").unwrap();
                scratch
                    .url()
                    .connect()
                    .unwrap()
                    .batch_execute("SELECT 1")
                    .unwrap();
                ScratchDatabase::sweep(server.url(), "many").unwrap();
            });
        }
    });
    assert!(server.databases("many_").is_empty());
}

#[test]
fn a_role_that_may_not_create_databases_is_told_so_and_nothing_is_dropped() {
    let server = Server::start();
    if server.has_one_connection() {
        return;
    }
    server.execute("CREATE ROLE app LOGIN; CREATE ROLE maker LOGIN CREATEDB");
    server.execute("CREATE DATABASE shop OWNER app");
    let error = ScratchDatabase::create(&server.url_of("app"), "test")
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("failed to create the database `test_"),
        "{error}"
    );
    assert!(
        error.ends_with("the role `app` lacks the right CREATEDB; give it with ALTER ROLE \"app\" CREATEDB, or use another role"),
        "{error}"
    );
    let error = recreate_database(&server.url_of("app").with_database("shop")).unwrap_err();
    insta::assert_snapshot!(error, @r#"failed to create the database `shop`: the role `app` lacks the right CREATEDB; give it with ALTER ROLE "app" CREATEDB, or use another role"#);
    let error = recreate_database(&server.url_of("maker").with_database("shop")).unwrap_err();
    insta::assert_snapshot!(error, @"failed to drop the database `shop`: it belongs to the role `app`, and `maker` is not a member of that; connect as `app`, or give the database away with ALTER DATABASE … OWNER TO");
    assert_eq!(server.databases("shop"), ["shop"]);
    let error = recreate_database(&server.url().with_database("template1"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "failed to drop the database `template1`: cannot drop a template database; "
        ),
        "{error}"
    );
}

#[test]
fn a_recreated_database_is_empty_though_someone_was_connected() {
    let server = Server::start();
    if server.has_one_connection() {
        return;
    }
    server.execute("CREATE TABLE notes (text text)");
    let _open = server.url().connect().unwrap();
    recreate_database(server.url()).unwrap();
    let is_there = sql::<Bool>("SELECT to_regclass('notes') IS NOT NULL");
    assert_eq!(
        is_there.get_result(&mut server.url().connect().unwrap()),
        Ok(false)
    );
    // It need not exist, and its name may be anything.
    let odd = server.url().with_database("Odd \"name\" ä%/?");
    recreate_database(&odd).unwrap();
    recreate_database(&odd).unwrap();
    DatabaseUrl::parse_in(odd.expose_secret(), &|_| None)
        .unwrap()
        .connect()
        .unwrap();
}
