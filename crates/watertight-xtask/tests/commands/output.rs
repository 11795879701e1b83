//! What all commands have in common: `--version`, errors as JSON, and output that cannot be written.

use std::fs::File;
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::shop::Shop;
use crate::test_workspace::{Outcome, TestWorkspace};

#[test]
fn the_version_is_that_of_the_crate() {
    let version = TestWorkspace::new().run(&["--version"]).succeeded();
    let expected = concat!(
        "cargo xtask ",
        env!("CARGO_PKG_VERSION"),
        " (watertight-xtask)\n"
    );
    assert_eq!(version, expected);
}

#[test]
fn a_program_with_commands_of_its_own_passes_the_arguments() {
    let run = |argument: &str| watertight_xtask::run([argument.into()]);
    assert_eq!(run("--version"), ExitCode::SUCCESS);
    assert_eq!(run("no-such-command"), ExitCode::from(2));
}

#[test]
fn with_json_the_error_of_a_command_is_a_document() {
    let workspace = TestWorkspace::new();
    workspace.write_plugin("one", "same", "plugin-one");
    workspace.write_plugin("two", "same", "plugin-two");
    for (name, arguments) in [
        ("new-plugin", &["new-plugin", "orders", "--json"][..]),
        ("new-migration", &["new-migration", "same", "x", "--json"]),
        ("generate", &["generate", "same", "--json"]),
        ("migrate", &["migrate", "--json"]),
        ("migrate", &["migrate", "status", "--json"]),
        ("schema", &["schema", "--json"]),
        ("verify", &["verify", "--json"]),
    ] {
        let outcome = workspace.run(arguments);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(document["command"], name);
        let error = &document["error"];
        assert_eq!(
            error["message"],
            "failed to list the plugins: plugins/one and plugins/two have the same id `same`"
        );
        assert_eq!(error["hint"], "give one of them another id");
        assert_eq!(error["causes"], Value::Array(vec![]));
        assert_eq!(error["location"], Value::Null);
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
    let mut command = workspace.command(&["db", "status", "--json"]);
    let output = command.env("DATABASE_URL", "mysql://h/d").output().unwrap();
    let outcome = Outcome::new(output);
    assert_eq!(outcome.code, Some(1));
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["command"], "db");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let workspace = TestWorkspace::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["new-plugin", "orders", "--dry-run"],
        &["new-plugin", "orders", "--dry-run", "--json"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = workspace.command(arguments).stdout(full).output().unwrap();
        assert_eq!(
            Outcome::new(output).failed(),
            "error: failed to write the output: No space left on device (os error 28)\n\
             hint: make room where the output goes, and run the command again\n"
        );
    }
}

#[test]
fn output_of_a_command_that_uses_the_database_and_cannot_be_written_is_an_error() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let shop = Shop::new();
    shop.workspace.write("plugins/shop/src/schema.rs", "");
    for arguments in [
        &["migrate", "--dry-run"][..],
        &["migrate", "--dry-run", "--json"],
        &["migrate", "--no-schema"],
        &["migrate", "--no-schema", "--json"],
        &["migrate", "status"],
        &["migrate", "status", "--json"],
        &["migrate", "status", "--check", "--json"],
        &["migrate", "repair", "--plugin", "shop", "--json"],
        &["migrate", "mark", "--applied", "shop/1", "--yes"],
        &["generate", "shop", "--dry-run", "--json"],
        &["schema", "--check", "--json"],
        &["verify", "--json"],
        &["db", "status", "--json"],
        &["db", "create", "--json"],
        &["db", "url"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = shop.command(arguments).stdout(full).output().unwrap();
        let outcome = Outcome::new(output);
        assert_eq!(outcome.code, Some(1), "{arguments:?}: {}", outcome.stderr);
        let error = "error: failed to write the output: No space left on device (os error 28)\n";
        assert!(
            outcome.stderr.contains(error),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn with_json_a_database_that_cannot_be_reached_is_a_document() {
    let shop = Shop::new();
    shop.workspace.write("plugins/shop/src/schema.rs", "");
    for (name, arguments) in [
        ("migrate", &["migrate", "--json"][..]),
        ("migrate", &["migrate", "--dry-run", "--json"]),
        ("migrate", &["migrate", "status", "--json"]),
        (
            "migrate",
            &["migrate", "repair", "--plugin", "shop", "--json"],
        ),
        ("generate", &["generate", "shop", "--json"]),
        ("schema", &["schema", "--json"]),
        ("verify", &["verify", "--json"]),
        ("db", &["db", "create", "--json"]),
    ] {
        let mut command = shop.command(arguments);
        command.env("DATABASE_URL", "postgres://postgres@127.0.0.1:1/x");
        let outcome = Outcome::new(command.output().unwrap());
        assert_eq!(outcome.code, Some(1), "{arguments:?}: {}", outcome.stderr);
        let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(document["command"], name);
        assert!(
            outcome
                .stdout
                .contains("failed to connect to postgres://postgres@127.0.0.1:1/"),
            "{arguments:?}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_not_an_error() {
    let workspace = TestWorkspace::new();
    for arguments in [
        &["--help"][..],
        &["new-plugin", "orders", "--dry-run", "--json"],
    ] {
        let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let pipe = reader.stdin.take().unwrap();
        assert!(reader.wait().unwrap().success());
        let output = workspace.command(arguments).stdout(pipe).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
