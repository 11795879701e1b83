//! The embedded server on PGlite. These tests run on a machine without PostgreSQL, or with `WATERTIGHT_EMBEDDED=pglite` in
//! the environment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Integer, Text};
use tempfile::TempDir;
use watertight_connection::{ConnectError, Connection, DatabaseUrl};
use watertight_embedded::{
    EmbeddedKind, EmbeddedServer, EmbeddedServerProcess, ScratchDatabase, cancel_on_pglite,
    recreate_database,
};

/// The environment variable with the workspace for [`a_user_in_another_process`].
const WORKSPACE_VARIABLE: &str = "WATERTIGHT_TEST_PGLITE";

/// A workspace whose server is stopped when this is dropped.
struct Workspace(TempDir);

impl Workspace {
    /// Returns `None` on a machine with PostgreSQL, where PGlite is not built.
    fn on_pglite() -> Option<Self> {
        let workspace = Self(tempfile::tempdir().unwrap());
        let kind = EmbeddedServer::status(workspace.path()).unwrap().kind;
        if kind != EmbeddedKind::Pglite {
            eprintln!("skipped: the embedded server of this machine is {kind}");
            return None;
        }
        Some(workspace)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn acquire(&self) -> EmbeddedServer {
        EmbeddedServer::acquire(self.path()).unwrap()
    }

    fn running(&self) -> Option<EmbeddedServerProcess> {
        EmbeddedServer::status(self.path()).unwrap().running
    }

    fn scratch_folder(&self) -> PathBuf {
        self.path().join(".watertight/pglite/server/scratch")
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = EmbeddedServer::stop(self.path());
    }
}

/// Not a test itself: other tests run it as a process that has the connection and that they can kill.
#[test]
fn a_user_in_another_process() {
    let Some(workspace) = std::env::var_os(WORKSPACE_VARIABLE) else {
        return;
    };
    let server = EmbeddedServer::acquire(Path::new(&workspace)).unwrap();
    let mut connection = server.url().connect().unwrap();
    let scratch = ScratchDatabase::create(server.url(), "swept").unwrap();
    println!("\nready");
    let slow = "CREATE TABLE slow (); SELECT pg_sleep(60)";
    let _ = connection.batch_execute(slow);
    drop(scratch);
}

fn start_user(workspace: &Path) -> Child {
    let mut user = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "pglite::a_user_in_another_process",
            "--nocapture",
        ])
        .env(WORKSPACE_VARIABLE, workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let output = BufReader::new(user.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "ready"));
    user
}

fn number(connection: &mut Connection, query: &str) -> i64 {
    sql::<BigInt>(query).get_result(connection).unwrap()
}

fn wait_until(message: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{message}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn data_survives_when_the_server_stops_after_its_last_user() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    assert_eq!(server.kind(), EmbeddedKind::Pglite);
    assert!(server.url().serves_one_connection());
    assert_eq!(server.url().database_name(), "watertight");
    let sql = "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('committed')";
    server.url().connect().unwrap().batch_execute(sql).unwrap();
    let first = workspace.running().unwrap();
    assert!(first.version.starts_with("17."), "{first:?}");
    drop(server);
    wait_until("the server did not stop", || workspace.running().is_none());

    let server = workspace.acquire();
    let mut connection = server.url().connect().unwrap();
    assert_eq!(number(&mut connection, "SELECT count(*) FROM notes"), 1);
    assert_ne!(workspace.running().unwrap().pid, first.pid);
    assert!(workspace.path().join(".watertight/.gitignore").exists());
}

#[test]
fn a_connection_without_a_lease_keeps_the_server_running() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let mut connection = server.url().connect().unwrap();
    drop(server);
    sleep(Duration::from_secs(8));
    assert_eq!(number(&mut connection, "SELECT 1::bigint"), 1);
}

#[test]
fn consecutive_connections_work_and_a_concurrent_one_names_the_holder_of_the_first() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    // A connection is closed some time after it is dropped, and the next one waits for that.
    for _ in 0..20 {
        assert_eq!(
            number(&mut server.url().connect().unwrap(), "SELECT 1::bigint"),
            1
        );
    }
    let user = start_user(workspace.path());
    let asked = Instant::now();
    let Err(ConnectError::TooManyConnections {
        reason,
        postgres_hint,
        ..
    }) = server.url().connect()
    else {
        panic!("there were two connections");
    };
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "the error took too long"
    );
    assert!(
        reason.starts_with(&format!(
            "PGlite serves one connection at a time, and process {} has it: embedded-",
            user.id()
        )) && reason.contains("--exact pglite::a_user_in"),
        "{reason}"
    );
    assert_eq!(
        postgres_hint.unwrap(),
        "wait until it has ended, or stop it; a PostgreSQL server serves many connections"
    );
    let holder = workspace.running().unwrap().holder.unwrap();
    assert!(holder.starts_with(&user.id().to_string()), "{holder}");
    kill(user);
}

fn kill(mut user: Child) {
    user.kill().unwrap();
    user.wait().unwrap();
}

#[test]
fn the_statement_of_a_killed_client_is_rolled_back_and_its_scratch_database_removed() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let user = start_user(workspace.path());
    assert_eq!(fs::read_dir(workspace.scratch_folder()).unwrap().count(), 1);
    kill(user);
    wait_until("the statement still runs", || {
        workspace.running().unwrap().holder.is_none()
    });
    let mut connection = server.url().connect().unwrap();
    let slow = "SELECT count(*) FROM pg_class WHERE relname = 'slow'";
    assert_eq!(number(&mut connection, slow), 0);
    wait_until("the scratch database still exists", || {
        fs::read_dir(workspace.scratch_folder()).unwrap().count() == 0
    });
}

#[test]
fn a_client_that_disconnects_during_a_large_response_does_not_block_others() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let socket = workspace
        .running()
        .unwrap()
        .socket_folder
        .join(".s.PGSQL.5432");
    let mut client = UnixStream::connect(socket).unwrap();
    let parameters = b"user\0postgres\0database\0watertight\0\0";
    let length = u32::try_from(parameters.len() + 8).unwrap();
    let startup = [
        &length.to_be_bytes()[..],
        &(3_u32 << 16).to_be_bytes(),
        parameters,
    ]
    .concat();
    client.write_all(&startup).unwrap();
    let query = b"SELECT repeat('x', 1000000) FROM generate_series(1, 100)\0";
    let length = u32::try_from(query.len() + 4).unwrap();
    client
        .write_all(&[b"Q", &length.to_be_bytes()[..], query].concat())
        .unwrap();
    client.read_exact(&mut vec![0; 100_000]).unwrap();
    drop(client);
    let asked = Instant::now();
    assert_eq!(
        number(&mut server.url().connect().unwrap(), "SELECT 1::bigint"),
        1
    );
    assert!(asked.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_process_can_cancel_only_its_own_statement() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let url = server.url();
    let mut connection = url.connect().unwrap();
    let started = Instant::now();
    scope(|scope| {
        scope.spawn(|| {
            sleep(Duration::from_millis(500));
            assert!(cancel_on_pglite(url));
        });
        let slow = "CREATE TABLE slow (); SELECT pg_sleep(60)";
        assert!(connection.batch_execute(slow).is_err());
    });
    assert!(started.elapsed() < Duration::from_secs(20));
    drop(connection);
    let slow = "SELECT count(*) FROM pg_class WHERE relname = 'slow'";
    assert_eq!(number(&mut url.connect().unwrap(), slow), 0);

    let user = start_user(workspace.path());
    cancel_on_pglite(url);
    let holder = workspace.running().unwrap().holder.unwrap();
    assert!(holder.starts_with(&user.id().to_string()), "{holder}");
    kill(user);
}

#[test]
fn only_one_user_can_log_in_but_roles_work() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let guest = server.url().to_string().replace("postgres@", "guest@");
    let guest = DatabaseUrl::parse(&guest).unwrap();
    let Err(ConnectError::Authentication { reason, .. }) = guest.connect() else {
        panic!("a guest could log in");
    };
    assert_eq!(
        reason,
        "PGlite has no logins but `postgres`, so not `guest`"
    );
    let mut connection = server.url().connect().unwrap();
    let setup = "CREATE ROLE guest; CREATE TABLE secret (); SET ROLE guest";
    connection.batch_execute(setup).unwrap();
    assert!(connection.batch_execute("SELECT FROM secret").is_err());
    connection
        .batch_execute("RESET ROLE; SELECT FROM secret")
        .unwrap();
}

#[test]
fn extensions_that_come_with_pglite_can_be_created() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let sql = "CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist";
    server.url().connect().unwrap().batch_execute(sql).unwrap();
    let scratch = ScratchDatabase::create(server.url(), "extended").unwrap();
    scratch.url().connect().unwrap().batch_execute(sql).unwrap();
}

#[test]
fn the_database_can_be_recreated_and_statements_outside_a_transaction_work() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let notes = "CREATE TABLE notes (id int)";
    server
        .url()
        .connect()
        .unwrap()
        .batch_execute(notes)
        .unwrap();
    recreate_database(server.url()).unwrap();
    let mut connection = server.url().connect().unwrap();
    connection.batch_execute(notes).unwrap();
    let index = "CREATE INDEX CONCURRENTLY notes_id ON notes (id)";
    connection.batch_execute(index).unwrap();
    connection.batch_execute("VACUUM notes").unwrap();
}

#[test]
fn scratch_databases_are_separate_and_can_be_concurrent() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let _held = server.url().connect().unwrap();
    scope(|scope| {
        for number_of in 0..3 {
            let url = server.url();
            scope.spawn(move || {
                let scratch = ScratchDatabase::create(url, "separate").unwrap();
                let mut connection = scratch.url().connect().unwrap();
                let setup =
                    format!("CREATE TABLE mine (id int); INSERT INTO mine VALUES ({number_of})");
                connection.batch_execute(&setup).unwrap();
                let mine = sql::<Integer>("SELECT id FROM mine").get_result::<i32>(&mut connection);
                assert_eq!(mine.unwrap(), number_of);
            });
        }
    });
    assert_eq!(fs::read_dir(workspace.scratch_folder()).unwrap().count(), 0);
}

#[test]
fn a_sweep_removes_the_files_of_killed_helpers_only() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let server = workspace.acquire();
    let used = ScratchDatabase::create(server.url(), "swept").unwrap();
    let folder = workspace.scratch_folder();
    let left = folder.join("swept_0123456789abcdef");
    fs::create_dir_all(left.join("data")).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::create_dir_all(folder.join("other_0123456789abcdef")).unwrap();
    let swept = ScratchDatabase::sweep(server.url(), "swept").unwrap();
    assert_eq!(swept, ["swept_0123456789abcdef"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    used.url().connect().unwrap();
}

#[test]
fn a_moved_workspace_and_one_with_a_long_path_keep_their_data() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let long = workspace.path().join("long".repeat(30));
    fs::create_dir(&long).unwrap();
    let server = EmbeddedServer::acquire(&long).unwrap();
    let setup = "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('moved')";
    server
        .url()
        .connect()
        .unwrap()
        .batch_execute(setup)
        .unwrap();
    let scratch = ScratchDatabase::create(server.url(), "long").unwrap();
    scratch.url().connect().unwrap();
    let variables = scratch.url().pg_environment();
    let (_, host) = variables
        .iter()
        .find(|(name, _)| *name == "PGHOST")
        .unwrap();
    let sockets = fs::metadata(host.as_ref().unwrap()).unwrap();
    assert_eq!(sockets.mode() & 0o777, 0o700, "others could connect");
    drop((scratch, server));
    EmbeddedServer::stop(&long).unwrap();

    let moved = workspace.path().join("moved");
    fs::rename(&long, &moved).unwrap();
    let server = EmbeddedServer::acquire(&moved).unwrap();
    let text = sql::<Text>("SELECT text FROM notes")
        .get_result::<String>(&mut server.url().connect().unwrap());
    assert_eq!(text.unwrap(), "moved");
    EmbeddedServer::stop(&moved).unwrap();
}

#[test]
fn the_error_shows_the_log_of_a_server_that_does_not_start() {
    let Some(workspace) = Workspace::on_pglite() else {
        return;
    };
    let folder = workspace.path().join(".watertight/pglite/server");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    drop(workspace.acquire());
    EmbeddedServer::stop(workspace.path()).unwrap();
    fs::remove_dir_all(folder.join("data")).unwrap();
    fs::write(folder.join("data.new"), "in the way").unwrap();
    let error = EmbeddedServer::acquire(workspace.path()).err().unwrap();
    let error = error.to_string();
    assert!(
        error.starts_with("failed to start the embedded PGlite: ") && error.contains("data.new"),
        "{error}"
    );
}
