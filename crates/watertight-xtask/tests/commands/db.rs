//! `cargo xtask db`, with the workspace's embedded server and with `DATABASE_URL`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Integer;
use insta::assert_snapshot;
use serde_json::Value;
use watertight_connection::{Connection, DatabaseUrl};
use watertight_embedded::{EmbeddedKind, EmbeddedServer};
use watertight_testing::TestDatabase;

use crate::test_workspace::{Outcome, TestWorkspace};

/// Returns a workspace with one plugin and a server.
fn workspace() -> TestWorkspace {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("shop", "shop", "plugin-shop");
    let migration = "plugins/shop/migrations/1_items";
    workspace.write(
        &format!("{migration}/up.sql"),
        "CREATE TABLE \"plugin_shop\".\"items\" (id int);",
    );
    workspace.write(
        &format!("{migration}/down.sql"),
        "DROP TABLE \"plugin_shop\".\"items\";",
    );
    workspace
}

fn run(workspace: &TestWorkspace, arguments: &[&str]) -> Outcome {
    let mut command = workspace.command(arguments);
    Outcome::new(command.env_remove("DATABASE_URL").output().unwrap())
}

fn run_on(workspace: &TestWorkspace, url: &str, arguments: &[&str]) -> Outcome {
    let mut command = workspace.command(arguments);
    Outcome::new(command.env("DATABASE_URL", url).output().unwrap())
}

/// Connects to the workspace's embedded database.
fn connect(workspace: &TestWorkspace) -> Connection {
    let printed = run(workspace, &["db", "run", "--", "printenv", "DATABASE_URL"]).succeeded();
    let url: DatabaseUrl = printed.trim().parse().unwrap();
    url.connect().unwrap()
}

/// Returns the ids in the plugin's table.
fn ids(connection: &mut Connection) -> Vec<i32> {
    sql::<Integer>("SELECT id FROM plugin_shop.items")
        .load(connection)
        .unwrap()
}

/// Returns the kind of the embedded server on this machine.
fn kind() -> EmbeddedKind {
    let folder = tempfile::tempdir().unwrap();
    EmbeddedServer::status(folder.path()).unwrap().kind
}

/// Returns whether psql can be run. PGlite does not include it.
fn has_psql() -> bool {
    let printed = Command::new("psql").arg("--version").output();
    let has = printed.is_ok_and(|printed| printed.status.success());
    if !has {
        eprintln!("skipped: there is no psql");
    }
    has
}

#[test]
fn the_embedded_database_is_started_shared_reset_and_stopped() {
    let workspace = workspace();
    let kind = kind();
    assert_eq!(
        run(&workspace, &["db", "status"]).succeeded(),
        format!("database      embedded {kind}\nstate         stopped\n")
    );
    assert_snapshot!(run(&workspace, &["db", "stop"]).succeeded(), @"Nothing to do: the embedded database is not running.");

    run(&workspace, &["migrate"]).succeeded();
    let insert = "INSERT INTO plugin_shop.items VALUES (7)";
    connect(&workspace).batch_execute(insert).unwrap();
    let status: Value =
        serde_json::from_str(&run(&workspace, &["db", "status", "--json"]).succeeded()).unwrap();
    assert_eq!(status["state"], "running");
    assert!(status["pid"].is_i64(), "{status}");

    let stopped = format!("Stopped the embedded {kind}.\n");
    assert_eq!(run(&workspace, &["db", "stop"]).succeeded(), stopped);
    assert_eq!(ids(&mut connect(&workspace)), [7]);

    assert_snapshot!(run(&workspace, &["db", "reset"]).succeeded(), @r"
    shop: 1 migration applied
    Applied 1 migration; 1 plugin up to date.
    ");
    assert_eq!(ids(&mut connect(&workspace)), [0; 0]);
    run(&workspace, &["db", "stop"]).succeeded();
}

#[test]
fn concurrent_commands_share_one_embedded_server() {
    let workspace = workspace();
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let mut command = workspace.command(&["migrate"]);
            command
                .env_remove("DATABASE_URL")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        // A PGlite serves one connection, and the error of the others names the process that has it.
        let sent_away = "PGlite serves one connection at a time, and process ";
        assert!(
            output.status.success()
                || kind() == EmbeddedKind::Pglite && printed.contains(sent_away),
            "{output:?}"
        );
    }
    run(&workspace, &["migrate"]).succeeded();
    assert_eq!(ids(&mut connect(&workspace)), [0; 0]);
    run(&workspace, &["db", "stop"]).succeeded();
}

#[test]
fn a_dump_can_be_restored() {
    let workspace = workspace();
    run(&workspace, &["migrate"]).succeeded();
    let mut connection = connect(&workspace);
    let insert = "INSERT INTO plugin_shop.items VALUES (7), (8)";
    connection.batch_execute(insert).unwrap();
    if kind() == EmbeddedKind::Pglite {
        let used = run(&workspace, &["db", "dump"]).failed();
        let holder = format!("and process {} has it: commands-", std::process::id());
        assert!(used.contains(&holder), "{used}");
    }
    drop(connection);
    // Only psql understands COPY and `\restrict`.
    let dump = ["db", "dump", "--", "--inserts", "--schema=plugin_shop"];
    let dump = run(&workspace, &dump).succeeded();
    assert!(!dump.contains("OWNER TO"), "{dump}");
    run(&workspace, &["db", "stop"]).succeeded();

    let lines = dump.lines().filter(|line| !line.starts_with('\\'));
    let dump = lines.collect::<Vec<_>>().join("\n");
    let other = TestDatabase::new(vec![]);
    other.connect().batch_execute(&dump).unwrap();
    assert_eq!(ids(&mut other.connect()), [7, 8]);
    // The dump has the histories of the migrations.
    let migrated = run_on(&workspace, other.url().expose_secret(), &["migrate"]).succeeded();
    assert_snapshot!(migrated, @"Nothing to do: 1 plugin up to date.");
    let refused = run(&workspace, &["db", "dump", "--", "--no-such-option"]).failed();
    assert!(refused.contains("option"), "{refused}");
}

#[test]
fn a_program_gets_the_url_and_its_exit_code_is_returned() {
    let workspace = workspace();
    let url = "postgres://me:hidden@127.0.0.1:1/shop";
    let shell = |script| run_on(&workspace, url, &["db", "run", "--", "sh", "-c", script]);
    // The command does not connect: no server listens there.
    assert_eq!(shell("printf %s $DATABASE_URL").succeeded(), url);
    assert_eq!(shell("exit 7").code, Some(7));
    assert_eq!(shell("kill -9 $$").code, Some(137));
    assert_snapshot!(run_on(&workspace, url, &["db", "run", "--", "no-such-program"]).failed(), @"
    error: failed to run no-such-program: No such file or directory (os error 2)
    hint: check that it is installed and in the PATH
    ");
    run_on(&workspace, url, &["db", "run"]).usage_error();
}

#[test]
fn with_a_plugin_the_diesel_command_uses_its_schema_and_migrations() {
    if !has_psql() {
        return;
    }
    let workspace = workspace();
    let database = TestDatabase::new(vec![]);
    let url = database.url().expose_secret();
    let script = "echo $MIGRATION_DIRECTORY; echo $DIESEL_CONFIG_FILE; psql -XAt \"$DATABASE_URL\" -c 'SHOW search_path'";
    let arguments = ["db", "run", "--plugin", "shop", "--", "sh", "-c", script];
    let printed = run_on(&workspace, url, &arguments).succeeded();
    let folder = workspace.path("plugins/shop").canonicalize().unwrap();
    let printed = printed.replace(folder.to_str().unwrap(), "[SHOP]");
    assert_snapshot!(printed, @r#"
    [SHOP]/migrations
    [SHOP]/diesel.toml
    "plugin_shop"
    "#);
    let unknown = run_on(
        &workspace,
        url,
        &["db", "run", "--plugin", "shpo", "--", "true"],
    );
    assert!(unknown.failed().contains("did you mean `shop`?"));
}

#[test]
fn libpq_variables_do_not_change_the_server_of_psql() {
    if !has_psql() {
        return;
    }
    let workspace = workspace();
    let database = TestDatabase::new(vec![]);
    let mut command =
        workspace.command(&["db", "psql", "--", "-XAtc", "SELECT current_database()"]);
    command
        .env("DATABASE_URL", database.url().expose_secret())
        .env("PGDATABASE", "elsewhere")
        .env("PGPORT", "1")
        .env("PGSSLROOTCERT", "/nowhere");
    let printed = Outcome::new(command.output().unwrap()).succeeded();
    assert_eq!(printed.trim(), database.url().database_name());

    // The embedded server ignores libpq's variables, even those that are rejected with a URL.
    let mut command =
        workspace.command(&["db", "psql", "--", "-XAtc", "SELECT current_database()"]);
    command
        .env_remove("DATABASE_URL")
        .env("PGSERVICE", "elsewhere")
        .env("PGREQUIREPEER", "nobody")
        .env("PGTZ", "nowhere");
    let printed = Outcome::new(command.output().unwrap()).succeeded();
    assert_eq!(printed.trim(), "watertight");
}

#[test]
#[cfg(target_os = "linux")]
fn a_password_is_neither_printed_nor_in_the_process_list() {
    if !has_psql() {
        return;
    }
    let workspace = workspace();
    // The embedded server trusts its user, so any password will do.
    let url = run(&workspace, &["db", "run", "--", "printenv", "DATABASE_URL"]).succeeded();
    let url = format!("{}&password=pASSw0rd", url.trim());
    let printed = run_on(&workspace, &url, &["db", "url"]).succeeded();
    assert!(
        printed.contains("***") && !printed.contains("pASSw0rd"),
        "{printed}"
    );
    let status = run_on(&workspace, &url, &["db", "status"]).succeeded();
    assert!(!status.contains("pASSw0rd"), "{status}");

    let mut psql = workspace
        .command(&["db", "psql", "--", "-Xqc", "SELECT pg_sleep(1)"])
        .env("DATABASE_URL", &url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("pg_sleep(1)\0") || !seen.contains("psql\0-Xqc") {
        assert!(psql.try_wait().unwrap().is_none(), "it ended too early");
        seen = command_lines();
        sleep(Duration::from_millis(10));
    }
    assert!(!seen.contains("pASSw0rd"));
    assert!(psql.wait().unwrap().success());
}

/// Returns the command lines of all processes, as all users can read them.
#[cfg(target_os = "linux")]
fn command_lines() -> String {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .collect()
}

#[test]
fn the_database_of_database_url_is_reset_only_when_confirmed() {
    let workspace = workspace();
    let database = TestDatabase::new(vec![]);
    let url = database.url().expose_secret();
    database
        .connect()
        .batch_execute("CREATE TABLE public.precious ()")
        .unwrap();
    let precious = || {
        database
            .connect()
            .batch_execute("SELECT FROM public.precious")
            .is_ok()
    };

    let refused = run_on(&workspace, url, &["db", "reset"]).failed();
    assert!(refused.contains("confirm it with `--yes`"), "{refused}");
    assert!(precious());

    // Invalid migrations are an error before the database is dropped.
    let broken = "plugins/shop/migrations/1_items/metadata.toml";
    workspace.write(broken, "nonsense");
    run_on(&workspace, url, &["db", "reset", "--yes"]).failed();
    assert!(precious());
    fs::remove_file(workspace.path(broken)).unwrap();

    run_on(&workspace, url, &["db", "reset", "--yes"]).succeeded();
    assert!(!precious());
    database
        .connect()
        .batch_execute("SELECT FROM plugin_shop.items")
        .unwrap();
}

#[test]
fn the_database_of_database_url_is_created_once() {
    if crate::shop::has_one_connection() {
        return;
    }
    let workspace = workspace();
    let server = TestDatabase::new(vec![]);
    let name = format!("it's a \"shöp\"; {}", std::process::id());
    let url = server.url().with_database(&name);
    let create = || run_on(&workspace, url.expose_secret(), &["db", "create"]);
    let missing = run_on(&workspace, url.expose_secret(), &["migrate"]).failed();
    assert!(
        missing.ends_with("hint: create it with `cargo xtask db create`, or correct its name\n"),
        "{missing}"
    );
    assert_eq!(
        create().succeeded(),
        format!("Created the database `{name}`.\n")
    );
    run_on(&workspace, url.expose_secret(), &["migrate"]).succeeded();
    assert_eq!(
        create().succeeded(),
        format!("Nothing to do: the database `{name}` exists.\n")
    );
    assert_eq!(ids(&mut url.connect().unwrap()), [0; 0]);
    let drop = format!("DROP DATABASE \"{}\"", name.replace('"', "\"\""));
    server.connect().batch_execute(&drop).unwrap();

    // Two at the same time.
    let arguments = ["db", "create", "--json", "--wait", "60"];
    let start = || {
        let mut command = workspace.command(&arguments);
        command.env("DATABASE_URL", url.expose_secret());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let created = [start(), start()].map(|run| {
        let ran = Outcome::new(run.wait_with_output().unwrap()).succeeded();
        let document: Value = serde_json::from_str(&ran).unwrap();
        assert_eq!(document["database"], name);
        document["created"].as_bool().unwrap()
    });
    server.connect().batch_execute(&drop).unwrap();
    assert_ne!(created[0], created[1]);
}

#[test]
fn the_embedded_database_is_created_with_its_server() {
    let workspace = workspace();
    assert_snapshot!(run(&workspace, &["db", "create"]).succeeded(), @"Nothing to do: the database `watertight` exists.");
    run(&workspace, &["db", "stop"]).succeeded();
}

#[test]
fn a_password_file_that_others_can_read_is_a_warning() {
    let workspace = workspace();
    let file = workspace.path("pgpass");
    fs::write(&file, "*:*:*:*:secret\n").unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&file, permissions).unwrap();
    let url = format!("postgres://me@127.0.0.1:1/shop?passfile={}", file.display());
    let printed = run_on(&workspace, &url, &["migrate", "status"]).failed();
    let warning = printed.lines().next().unwrap_or_default();
    assert_snapshot!(warning.replace(file.to_str().unwrap(), "[FILE]"), @"warning: the password file [FILE] is ignored, because other users can read it; run `chmod 600 [FILE]`");
}

#[test]
fn ctrl_c_is_left_to_the_program() {
    let workspace = workspace();
    let ready = workspace.path("ready");
    // As from a terminal, the interrupt is sent to the whole process group.
    let script = format!(
        "trap 'echo mine; exit 3' INT; touch {}; while :; do sleep 0.05; done",
        ready.display()
    );
    let mut command = workspace.command(&["db", "run", "--", "sh", "-c", &script]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command
        .env("DATABASE_URL", "postgres://me@127.0.0.1:1/shop")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&ready);
    let group = format!("-{}", child.id());
    let sent = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(sent.unwrap().success());
    let ran = Outcome::new(child.wait_with_output().unwrap());
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(3), "mine\n"),
        "{}",
        ran.stderr
    );
}

fn wait_for(path: &Path) {
    while !path.exists() {
        sleep(Duration::from_millis(10));
    }
}
