//! `cargo xtask migrate` and its `status`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;

use crate::counting_proxy::CountingProxy;
use crate::shop::{Shop, has_one_connection};
use crate::test_workspace::Outcome;

#[test]
fn all_plugins_are_migrated_once() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @r"
    auth: 1 migration applied
    shop: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"Nothing to do: 2 plugins up to date.");
}

#[test]
fn a_run_with_nothing_to_do_connects_once() {
    if has_one_connection() {
        return;
    }
    let shop = Shop::new();
    let jobs = shop.run(&["migrate", "--jobs", "1"]);
    assert!(jobs.succeeded().contains("Applied 2 migrations"));
    let proxy = CountingProxy::start(shop.database.url());
    let mut command = shop.workspace.command(&["migrate"]);
    let run = command.env("DATABASE_URL", proxy.url()).output().unwrap();
    assert!(Outcome::new(run).succeeded().contains("Nothing to do"));
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_plugin_is_migrated_with_its_dependencies_only() {
    let shop = Shop::new();
    shop.run(&["migrate", "--plugin", "auth"]).succeeded();
    assert_eq!(shop.tables(), 2);
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shop"]).succeeded(), @r"
    shop: 1 migration applied
    Applied 1 migration; 2 plugins up to date.
    ");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shpo"]).failed(), @"
    error: failed to find a plugin `shpo`
    hint: did you mean `shop`? The plugins are: auth, shop
    ");
}

#[test]
fn a_dry_run_prints_the_sql_and_changes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "--dry-run", "--plugin", "auth"]).succeeded(), @r#"
    -- A script for psql. It stops at the first error.
    \set ON_ERROR_STOP on
    \set ON_ERROR_ROLLBACK off
    \set AUTOCOMMIT on
    \set SINGLELINE off
    \encoding UTF8
    -- As on the connections of a run.
    SET TIME ZONE 'UTC';

    -- schemas and histories
    BEGIN;
    DO 'BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock(-5702140943802212271) THEN
    RAISE EXCEPTION USING MESSAGE = ''another run is creating schemas and histories'', HINT = ''run the script again when the other run has ended'';
    END IF;
    END';
    CREATE SCHEMA IF NOT EXISTS "plugin_auth";
    CREATE TABLE IF NOT EXISTS "plugin_auth"."__diesel_schema_migrations" ("version" varchar(50) PRIMARY KEY NOT NULL, "run_on" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, "checksum" pg_catalog.text, "name" pg_catalog.text);
    COMMIT;

    -- auth 1_users
    BEGIN ISOLATION LEVEL READ COMMITTED;
    DO 'BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock(-5339819963926176124) THEN
    RAISE EXCEPTION USING MESSAGE = ''another run is migrating plugin `auth`'', HINT = ''run the script again when the other run has ended'';
    END IF;
    IF EXISTS (SELECT FROM "plugin_auth"."__diesel_schema_migrations" WHERE "version" = ''1'') THEN
    RAISE EXCEPTION USING MESSAGE = ''migration 1_users of plugin `auth` is already applied'', HINT = ''write a new script with `cargo xtask migrate --dry-run`'';
    END IF;
    END';
    CREATE TABLE "plugin_auth"."users" (id int);
    INSERT INTO "plugin_auth"."__diesel_schema_migrations" ("version", "checksum", "name") VALUES ('1', 'a7fc8120004f3e0f724c8808821d67130c52e50732336e229220060bb009c74f', '1_users');
    COMMIT;
    "#);
    assert_eq!(shop.tables(), 0);
    let document = shop.run(&["migrate", "--dry-run", "--json"]).succeeded();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["migrations"][1]["name"], "1_items");
    shop.run(&["migrate"]).succeeded();
    assert_snapshot!(shop.run(&["migrate", "--dry-run"]).succeeded(), @"-- Nothing to do: all plugins are up to date.");
}

#[test]
fn status_lists_migrations_by_state_and_writes_nothing() {
    let shop = Shop::new();
    assert_snapshot!(shop.run(&["migrate", "status"]).succeeded(), @r"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        0        1      0
    shop    plugin_shop        0        1      0

    auth    pending       1_users
    shop    pending       1_items
    ");
    assert_eq!(shop.tables(), 0);

    shop.migration(
        "auth",
        "3_notes",
        r#"CREATE TABLE "plugin_auth"."notes" (id int);"#,
    );
    shop.migration(
        "auth",
        "4_later",
        r#"CREATE TABLE "plugin_auth"."later" (id int);"#,
    );
    shop.run(&["migrate"]).succeeded();
    shop.migration(
        "auth",
        "3_notes",
        r#"CREATE TABLE "plugin_auth"."notes" (id bigint);"#,
    );
    shop.migration(
        "auth",
        "2_between",
        r#"CREATE TABLE "plugin_auth"."between" (id int);"#,
    );
    std::fs::remove_dir_all(shop.workspace.path("plugins/auth/migrations/4_later")).unwrap();
    assert_snapshot!(shop.run(&["migrate", "status"]).succeeded(), @"
    PLUGIN  SCHEMA       APPLIED  PENDING  AHEAD
    auth    plugin_auth        2        1      1
    shop    plugin_shop        1        0      0

    auth    out of order  2_between  older than an applied migration
    auth    drifted       3_notes  modified since it was applied
    auth    ahead         4_later  applied, but not in the code
    ");
    let status: Value =
        serde_json::from_str(&shop.run(&["migrate", "status", "--json"]).succeeded()).unwrap();
    assert_eq!(
        status["plugins"][0]["migrations"][1]["state"],
        "out-of-order"
    );
}

#[test]
fn a_check_of_the_status_exits_with_3_unless_all_migrations_are_applied() {
    let shop = Shop::new();
    let check = || {
        let ran = shop.run(&["migrate", "status", "--check"]);
        assert_eq!(ran.stdout, shop.run(&["migrate", "status"]).succeeded());
        let json = shop.run(&["migrate", "status", "--check", "--json"]);
        assert_eq!(json.code, ran.code);
        let document: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(document["up_to_date"], ran.code == Some(0));
        (ran.code, ran.stderr)
    };
    let found = |findings: &str| (Some(3), format!("not up to date: {findings}\n"));
    assert_eq!(check(), found("2 pending"));
    shop.migration("shop", "3_ahead", "SELECT 1;");
    shop.run(&["migrate"]).succeeded();
    assert_eq!(check(), (Some(0), String::new()));

    std::fs::remove_dir_all(shop.workspace.path("plugins/shop/migrations/3_ahead")).unwrap();
    assert_eq!(check(), found("1 ahead"));
    shop.migration("shop", "2_late", "SELECT 1;");
    assert_eq!(check(), found("1 out of order, 1 ahead"));
    shop.migration(
        "auth",
        "1_users",
        "CREATE TABLE plugin_auth.others (id int);",
    );
    assert_eq!(check(), found("1 out of order, 1 drifted, 1 ahead"));
}

/// Answers each client with the next error of PostgreSQL, a SQLSTATE and a message.
fn refuse_clients(listener: &TcpListener, errors: &[(&str, &str)]) {
    for (code, message) in errors {
        let mut client = listener.accept().unwrap().0;
        let mut length = [0; 4];
        client.read_exact(&mut length).unwrap();
        let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut startup).unwrap();
        let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap();
        client.write_all(b"E").unwrap();
        client.write_all(&length.to_be_bytes()).unwrap();
        client.write_all(fields.as_bytes()).unwrap();
    }
}

#[test]
fn a_server_that_starts_is_waited_for_and_another_error_ends_the_waiting() {
    let shop = Shop::new();
    shop.run(&["migrate", "--wait", "60"]).succeeded();
    shop.run(&["migrate", "status", "--check", "--wait", "60"])
        .succeeded();

    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("postgres://me@{address}/shop?sslmode=disable");
    let mut command = shop.workspace.command(&["migrate", "--wait", "600"]);
    command.env("DATABASE_URL", url).stderr(Stdio::piped());
    let mut run = command.spawn().unwrap();
    let mut printed = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    printed.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("waiting up to 600 s for the server: "),
        "{line}"
    );
    assert!(line.contains("Connection refused"), "{line}");

    let starting = ("57P03", "the database system is starting up");
    let wrong = ("28P01", "password authentication failed for user \"me\"");
    let listener = TcpListener::bind(address).unwrap();
    refuse_clients(&listener, &[starting, starting, wrong]);
    let mut rest = String::new();
    printed.read_to_string(&mut rest).unwrap();
    assert_snapshot!(rest.replace(&address.to_string(), "[ADDRESS]"), @r#"
    waiting up to 600 s for the server: failed to connect to postgres://me@[ADDRESS]/shop?sslmode=disable: the database system is starting up
    error: failed to connect to postgres://me@[ADDRESS]/shop?sslmode=disable: password authentication failed for user "me"
    hint: correct the user and the password, or the server's pg_hba.conf
    "#);
    assert_eq!(run.wait().unwrap().code(), Some(1));
}

#[test]
fn waiting_for_a_server_ends_with_the_last_error() {
    let shop = Shop::new();
    let mut command = shop
        .workspace
        .command(&["migrate", "status", "--wait", "0"]);
    command.env("DATABASE_URL", "postgres://me@127.0.0.1:1/shop");
    let printed = Outcome::new(command.output().unwrap()).failed();
    assert_snapshot!(printed, @"
    error: failed to connect to postgres://me@127.0.0.1:1/shop: 127.0.0.1 port 1: Connection refused (os error 111)
    hint: start the server, or correct the host and port
    ");
}

#[test]
fn concurrent_runs_apply_each_migration_once() {
    if crate::shop::has_one_connection() {
        return;
    }
    let shop = Shop::new();
    for number in 2..12 {
        let table = format!("{number}_t{number}");
        let up = format!("SELECT pg_sleep(0.02); CREATE TABLE plugin_shop.t{number} (id int);");
        shop.migration("shop", &table, &up);
    }
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let mut command = shop.command(&["migrate"]);
            command.stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let applied = "SELECT count(*) FROM plugin_shop.__diesel_schema_migrations";
    assert_eq!(shop.count(applied), 11);
}

#[test]
fn a_killed_run_applies_no_half_migration_and_the_next_run_continues() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_slow",
        "CREATE TABLE plugin_shop.slow (id int); SELECT pg_sleep(5);",
    );
    let mut run = shop.command(&["migrate"]).spawn().unwrap();
    shop.wait_until_it_sleeps(&mut run);
    run.kill().unwrap();
    run.wait().unwrap();
    shop.run(&["migrate"]).succeeded();
    assert_eq!(shop.count("SELECT count(*) FROM plugin_shop.slow"), 0);
    let applied = "SELECT count(*) FROM plugin_shop.__diesel_schema_migrations";
    assert_eq!(shop.count(applied), 2);
}

#[test]
fn new_plugin_can_migrate_afterwards() {
    let shop = Shop::new();
    let document = shop
        .run(&[
            "new-plugin",
            "orders",
            "--migrate",
            "--json",
            "--timestamp",
            "2026-01-01-000000",
        ])
        .succeeded();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["status"], "written");
    assert_eq!(document["migrated"]["success"], true);
    assert_eq!(shop.count("SELECT count(*) FROM plugin_orders.items"), 0);
    let mut command = shop
        .workspace
        .command(&["new-plugin", "later", "--migrate"]);
    let down = Outcome::new(
        command
            .env("DATABASE_URL", "postgres://me@127.0.0.1:1/shop")
            .output()
            .unwrap(),
    );
    assert_eq!(down.code, Some(1));
    assert!(
        down.stderr
            .contains("failed to migrate after plugin `later` was written: failed to connect to "),
        "{}",
        down.stderr
    );
    assert!(
        down.stderr.ends_with(
            "hint: start the server, or correct the host and port; then run `cargo xtask migrate`\n"
        ),
        "{}",
        down.stderr
    );
    shop.run(&["new-plugin", "other", "--migrate", "--dry-run"])
        .usage_error();
}

#[test]
fn on_a_terminal_a_plugin_has_one_line_and_states_have_colour() {
    let shop = Shop::new();
    shop.migration("auth", "2_names", "SELECT 1;");
    let run = |arguments: &[&str]| {
        let mut terminal = shop.command_on_terminal(arguments);
        // `script` would wait for the end of the test's own input.
        let output = terminal.stdin(Stdio::null()).output().unwrap();
        Outcome::new(output).succeeded()
    };
    let status = run(&["migrate", "status"]);
    assert!(status.contains("\x1b[33mpending\x1b[0m"), "{status:?}");
    let migrated = run(&["migrate"]);
    assert!(!migrated.contains(" applied in "), "{migrated:?}");
    assert!(
        migrated.contains("auth: 2 migrations applied"),
        "{migrated:?}"
    );
    let last = migrated.trim_end().lines().last().unwrap();
    assert_eq!(last, "Applied 3 migrations; 2 plugins up to date.");
}
