//! The example server as a process: several at once, signals and addresses.

use std::process::Command;

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;
use crate::server::{Server, rows};

/// Builds the example server and returns its command `serve`.
fn serve(checkout: &Checkout, database: &Server, arguments: &[&str]) -> Command {
    let program = checkout.build_example_server();
    let mut command = checkout.command(program.to_str().unwrap());
    command
        .arg("serve")
        .args(arguments)
        .env_remove("PORT")
        .env("DATABASE_URL", database.url());
    command
}

#[test]
fn servers_that_migrate_at_the_same_time_apply_each_migration_once() {
    let database = Server::start();
    if database.serves_one_connection() {
        eprintln!("skipped: a PGlite serves one server at a time");
        return;
    }
    let checkout = Checkout::new();
    let start = || {
        let listen = ["--migrate", "--listen", "127.0.0.1:0"];
        RunningServer::start(serve(&checkout, &database, &listen))
    };
    let servers: Vec<RunningServer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for server in &servers {
        let ready = ureq::get(format!("{}/readyz", server.url())).call();
        assert_eq!(ready.unwrap().status(), 200);
    }
    let count = "SELECT count(*) FROM plugin_catalog.__diesel_schema_migrations";
    assert_eq!(rows(database.url(), count), "(6)\n");
    for server in servers {
        assert!(server.terminate().success());
    }
}

#[test]
fn a_server_with_port_set_needs_database_url_or_an_explicit_choice() {
    let checkout = Checkout::new();
    let database = Server::start();
    let mut without_url = serve(&checkout, &database, &[]);
    without_url.env("PORT", "0").env_remove("DATABASE_URL");
    without_url.env_remove("WATERTIGHT_EMBEDDED");
    let outcome = Outcome::of(without_url).exited_with(1);
    let error = "error: failed to find the database: DATABASE_URL is not set, and a server with PORT set uses the \
                 embedded database only if WATERTIGHT_EMBEDDED is set";
    assert!(outcome.stderr.starts_with(error), "{outcome:?}");
    assert!(!checkout.root().join(".watertight/server.json").exists());
}

#[test]
fn an_address_in_use_is_an_error_and_port_is_used() {
    let checkout = Checkout::new();
    let database = Server::start();
    let mut command = serve(&checkout, &database, &[]);
    command.env("PORT", "0");
    let server = RunningServer::start(command);
    let address = server.url().strip_prefix("http://").unwrap();
    let (_, port) = address.split_once(':').unwrap();
    let mut second = serve(&checkout, &database, &[]);
    second.env("PORT", port);
    let outcome = Outcome::of(second).exited_with(1);
    let lines: Vec<&str> = outcome.stderr.lines().rev().take(2).collect();
    let [hint, error] = lines[..] else {
        panic!("{outcome:?}");
    };
    assert!(
        error.starts_with(&format!("error: failed to listen on 0.0.0.0:{port}: ")),
        "{error}"
    );
    assert_eq!(
        hint,
        "hint: stop the process that uses the address, or choose another one with `--listen`"
    );
    assert!(server.interrupt().success());
}
