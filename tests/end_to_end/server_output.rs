//! The server's commands when their output cannot be written, and when they fail.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::checkout::{Checkout, Outcome};
use crate::server::Server;

/// Builds the example server and returns its command `status --json`.
fn status(checkout: &Checkout, url: &str) -> Command {
    let program = checkout.build_example_server();
    let mut command = checkout.command(program.to_str().unwrap());
    command
        .args(["status", "--json"])
        .env("DATABASE_URL", url)
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
    let checkout = Checkout::new();
    let database = Server::start();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = status(&checkout, database.url());
    let output = command.stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("error: failed to write the output: "),
        "{stderr}"
    );

    let mut command = status(&checkout, database.url());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_command_that_fails_prints_a_json_document_with_the_error() {
    let checkout = Checkout::new();
    let output = Outcome::of(status(&checkout, "postgres://127.0.0.1:1/none")).exited_with(1);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["command"], "status");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("failed to connect to "), "{message}");
    assert!(output.stderr.starts_with("error: "), "{output:?}");
}
