//! The embedded server, on the machine's PostgreSQL.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Integer, Text};
use watertight_connection::DatabaseUrl;
use watertight_embedded::{EmbeddedProgress, EmbeddedServer, usual_binary_folders};

use super::postgresql_workspace::Workspace;

/// The environment variable with the workspace for [`a_user_in_another_process`].
const WORKSPACE_VARIABLE: &str = "WATERTIGHT_TEST_WORKSPACE";

/// Not a test itself: other tests run it as a process that they can kill.
#[test]
fn a_user_in_another_process() {
    let Some(workspace) = std::env::var_os(WORKSPACE_VARIABLE) else {
        return;
    };
    let _server = EmbeddedServer::acquire(Path::new(&workspace)).unwrap();
    println!("\nready");
    sleep(Duration::from_mins(1));
}

fn start_user(workspace: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "postgresql::a_user_in_another_process",
            "--nocapture",
        ])
        .env(WORKSPACE_VARIABLE, workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_until_ready(user: &mut Child) {
    let output = BufReader::new(user.stdout.take().unwrap());
    assert!(
        output.lines().any(|line| line.unwrap() == "ready"),
        "the user could not start"
    );
}

fn kill(mut user: Child) {
    user.kill().unwrap();
    user.wait().unwrap();
}

fn write_note(url: &DatabaseUrl) {
    let sql = "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('committed')";
    url.connect().unwrap().batch_execute(sql).unwrap();
}

fn read_note(url: &DatabaseUrl) -> String {
    sql::<Text>("SELECT text FROM notes")
        .get_result(&mut url.connect().unwrap())
        .unwrap()
}

#[test]
fn concurrent_users_share_one_server() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let mut users: Vec<_> = (0..3).map(|_| start_user(workspace.path())).collect();
    let server = workspace.acquire();
    users.iter_mut().for_each(wait_until_ready);
    let status = EmbeddedServer::status(workspace.path()).unwrap();
    let running = status.running.unwrap();
    assert_eq!(running.sessions, 4, "one lease for each user");
    assert!(
        running
            .version
            .starts_with(|digit: char| digit.is_ascii_digit())
    );
    assert_eq!(server.url().database_name(), "watertight");
    assert_eq!(
        fs::read_to_string(workspace.path().join(".watertight/.gitignore")).unwrap(),
        "*\n"
    );
    users.into_iter().for_each(kill);
}

#[test]
fn the_server_stops_some_seconds_after_its_last_user_was_killed() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let mut user = start_user(workspace.path());
    wait_until_ready(&mut user);
    let pid = workspace.pid().unwrap();
    // A connection without a lease counts too.
    let server = workspace.acquire();
    let connection_without_lease = server.url().connect().unwrap();
    drop(server);
    kill(user);
    sleep(Duration::from_secs(8));
    assert_eq!(
        workspace.pid(),
        Some(pid),
        "the server stopped while a client was connected"
    );
    drop(connection_without_lease);
    workspace.wait_until_stopped();
}

#[test]
fn killing_a_user_while_it_starts_the_server_does_not_affect_the_next_user() {
    // While `initdb` runs, and while the server starts.
    let during_initdb = [20, 200, 500].map(|milliseconds| (milliseconds, Workspace::new()));
    let during_start = [50, 150, 300].map(|milliseconds| (milliseconds, Workspace::with_data()));
    for (milliseconds, workspace) in during_initdb.into_iter().chain(during_start) {
        let Some(workspace) = workspace else {
            return;
        };
        let user = start_user(workspace.path());
        sleep(Duration::from_millis(milliseconds));
        kill(user);
        workspace.wait_until_stopped();
        workspace.acquire();
    }
}

#[test]
fn committed_data_survives_a_stop_and_a_killed_server() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let server = workspace.acquire();
    write_note(server.url());
    assert!(EmbeddedServer::stop(workspace.path()).unwrap().is_some());
    assert!(
        EmbeddedServer::stop(workspace.path()).unwrap().is_none(),
        "it was already stopped"
    );

    let server = workspace.acquire();
    assert_eq!(read_note(server.url()), "committed");
    let pid = workspace.pid().unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );

    let server = workspace.acquire();
    assert_eq!(read_note(server.url()), "committed");
}

#[test]
fn a_stale_pid_file_does_not_prevent_the_server_from_starting() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let data = workspace.data();
    let owner = fs::metadata(&data).unwrap().uid();
    let mut sleeper = Command::new("sleep");
    if owner != fs::metadata("/proc/self").map_or(owner, |process| process.uid()) {
        sleeper.uid(owner);
    }
    let mut sleeper = sleeper.arg("60").spawn().unwrap();
    let pid_file = format!("{}\n{}\n1700000000\n5432\n", sleeper.id(), data.display());
    fs::write(data.join("postmaster.pid"), pid_file).unwrap();

    workspace.acquire();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn incomplete_data_is_created_again() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    // The state after `initdb` was killed.
    let data = workspace.data();
    fs::rename(&data, data.with_extension("new")).unwrap();
    fs::remove_file(data.with_extension("new").join("global/pg_control")).unwrap();
    workspace.acquire();
}

#[test]
fn the_socket_of_a_long_path_or_one_with_a_comma_is_elsewhere() {
    for name in ["x".repeat(120), "with, comma 'and \"quotes\"".to_owned()] {
        let Some(workspace) = Workspace::new() else {
            return;
        };
        let inner = workspace.path().join(name);
        fs::create_dir(&inner).unwrap();
        let server = EmbeddedServer::acquire(&inner).unwrap();
        server.url().connect().unwrap();
        let status = EmbeddedServer::status(&inner).unwrap();
        let socket_folder = status.running.unwrap().socket_folder;
        assert!(!socket_folder.starts_with(workspace.path()));
        assert_eq!(fs::metadata(&socket_folder).unwrap().mode() & 0o777, 0o700);
        drop(server);
        EmbeddedServer::stop(&inner).unwrap();
        fs::remove_dir_all(socket_folder).unwrap();
    }
}

#[test]
fn the_data_of_a_workspace_that_the_server_s_user_cannot_enter_is_elsewhere() {
    let Some(outer) = Workspace::new() else {
        return;
    };
    let private = outer.path().join("private");
    fs::DirBuilder::new().mode(0o700).create(&private).unwrap();
    let server = EmbeddedServer::acquire(&private).unwrap();
    write_note(server.url());
    let data = EmbeddedServer::status(&private)
        .unwrap()
        .data_folder
        .unwrap();
    let is_root = fs::metadata(&private).unwrap().uid() == 0;
    assert_eq!(data.starts_with(outer.path()), !is_root);

    EmbeddedServer::stop(&private).unwrap();
    let server = EmbeddedServer::acquire(&private).unwrap();
    assert_eq!(read_note(server.url()), "committed");

    // A copy of the workspace has its own data.
    let copy = outer.path().join("copy");
    fs::create_dir_all(copy.join(".watertight")).unwrap();
    fs::copy(
        private.join(".watertight/server.json"),
        copy.join(".watertight/server.json"),
    )
    .unwrap();
    let copied = EmbeddedServer::acquire(&copy).unwrap();
    assert!(
        copied
            .url()
            .connect()
            .unwrap()
            .batch_execute("SELECT * FROM notes")
            .is_err()
    );

    EmbeddedServer::stop(&private).unwrap();
    EmbeddedServer::stop(&copy).unwrap();
    if is_root {
        fs::remove_dir_all(data.parent().unwrap()).unwrap();
    }
}

#[test]
fn a_dropped_database_is_created_again() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let server = workspace.acquire();
    let mut connection = server.url().with_database("postgres").connect().unwrap();
    connection
        .batch_execute("DROP DATABASE watertight")
        .unwrap();
    let server = workspace.acquire();
    server.url().connect().unwrap();
}

#[test]
fn psql_accepts_the_url_and_the_variables() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let server = workspace.acquire();
    let Some(psql) = usual_binary_folders()
        .iter()
        .map(|folder| folder.join("psql"))
        .find(|psql| psql.exists())
    else {
        return;
    };
    let query = [
        "-X",
        "-A",
        "-t",
        "-c",
        "SELECT current_database(), current_schemas(false)",
    ];
    let url = server
        .url()
        .with_search_path("pg_temp_x")
        .with_database("postgres");
    for (url, expected) in [
        (server.url(), "watertight|{public}\n"),
        (&url, "postgres|{}\n"),
    ] {
        let by_url = Command::new(&psql)
            .args(query)
            .args(["-d", url.expose_secret()])
            .output()
            .unwrap();
        let by_variables = Command::new(&psql)
            .args(query)
            .envs(
                url.pg_environment()
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&by_url.stdout),
            expected,
            "{by_url:?}"
        );
        assert_eq!(
            String::from_utf8_lossy(&by_variables.stdout),
            expected,
            "{by_variables:?}"
        );
    }
}

#[test]
fn with_search_path_sets_the_search_path() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let server = workspace.acquire();
    let setup = "CREATE SCHEMA \"a b\"; CREATE TABLE \"a b\".numbers AS SELECT 42 AS number";
    server
        .url()
        .connect()
        .unwrap()
        .batch_execute(setup)
        .unwrap();
    let mut connection = server.url().with_search_path("a b").connect().unwrap();
    let number = sql::<Integer>("SELECT number FROM numbers").get_result::<i32>(&mut connection);
    assert_eq!(number.unwrap(), 42);
}

#[test]
fn it_works_inside_an_async_task() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = workspace.acquire();
        server.url().connect_async().await.unwrap();
        assert!(
            EmbeddedServer::status(workspace.path())
                .unwrap()
                .running
                .is_some()
        );
    });
}

#[test]
fn data_of_a_version_that_is_not_installed_is_not_changed() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let version = workspace.data().join("PG_VERSION");
    fs::write(&version, "9\n").unwrap();
    let error = EmbeddedServer::acquire(workspace.path())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("its data is of version 9, and this machine has only version"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(version).unwrap(), "9\n");
}

#[test]
fn the_error_shows_the_log_of_a_server_that_does_not_start() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    fs::write(
        workspace.data().join("postgresql.auto.conf"),
        "port = five\n",
    )
    .unwrap();
    let started = Instant::now();
    let error = EmbeddedServer::acquire(workspace.path())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("postgresql.auto.conf"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_error_names_an_unusable_folder() {
    let Some(workspace) = Workspace::new() else {
        return;
    };
    let folder = workspace.path().join(".watertight");
    fs::write(&folder, "in the way").unwrap();
    let error = EmbeddedServer::acquire(workspace.path())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with(&format!("failed to use {}", folder.display())),
        "{error}"
    );
    assert_eq!(fs::read_to_string(folder).unwrap(), "in the way");
}

#[test]
fn creating_and_starting_the_server_is_reported() {
    let Some(workspace) = Workspace::with_data() else {
        return;
    };
    let reported = |path: &Path| {
        let reports = Mutex::new(Vec::new());
        let report =
            |progress: EmbeddedProgress| reports.lock().unwrap().push(progress.to_string());
        let server = EmbeddedServer::acquire_with(path, &report).unwrap();
        (server, reports.into_inner().unwrap())
    };
    let (server, reports) = reported(workspace.path());
    assert_eq!(reports, ["starting the embedded PostgreSQL server"]);
    let (second, reports) = reported(workspace.path());
    assert_eq!(reports, [""; 0]);
    drop((server, second));
    EmbeddedServer::stop(workspace.path()).unwrap();
    fs::remove_dir_all(workspace.data()).unwrap();
    let (_server, reports) = reported(workspace.path());
    assert_eq!(reports, ["creating the embedded PostgreSQL server"]);
}

#[test]
fn status_and_stop_create_nothing() {
    let workspace = tempfile::tempdir().unwrap();
    let status = EmbeddedServer::status(workspace.path()).unwrap();
    assert_eq!((status.data_folder, status.running), (None, None));
    assert_eq!(EmbeddedServer::stop(workspace.path()).unwrap(), None);
    assert_eq!(fs::read_dir(workspace.path()).unwrap().count(), 0);
}
