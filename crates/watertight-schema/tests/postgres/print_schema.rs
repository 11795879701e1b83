//! Compares printed schemas with those of the `diesel` command.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::corpus::{Sample, samples};
use crate::scratch::{SCHEMA, Scratch};

/// The `diesel` command, version 2.3: the one on the `PATH`, or one that is built here.
static DIESEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let on_path = Command::new("diesel").arg("--version").output();
    if on_path.is_ok_and(|output| output.stdout.starts_with(b"diesel 2.3.")) {
        return "diesel".into();
    }
    let test = std::env::current_exe().unwrap();
    let root = test.ancestors().nth(3).unwrap().join("diesel-command");
    let program = root.join("bin/diesel");
    if !program.exists() {
        let has_libpq = Command::new("pg_config").output().is_ok();
        let mut install = Command::new(env!("CARGO"));
        install
            .args([
                "install",
                "diesel_cli",
                "--version",
                "~2.3",
                "--locked",
                "--debug",
            ])
            .args(["--no-default-features", "--features"])
            .arg(if has_libpq {
                "postgres"
            } else {
                "postgres-bundled"
            })
            .arg("--root")
            .arg(&root)
            .arg("--target-dir")
            .arg(root.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        assert!(
            install.status().unwrap().success(),
            "failed to build the diesel command"
        );
    }
    program
});

fn diesel_prints(scratch: &Scratch) -> String {
    let output = Command::new(&*DIESEL)
        .args(["print-schema", "--schema", SCHEMA])
        .args(["--with-docs-config", "only-database-comments"])
        .args(["--custom-type-derives", "diesel::query_builder::QueryId"])
        .args(["--custom-type-derives", "Clone"])
        .env("DATABASE_URL", scratch.url())
        // A folder without diesel.toml and rustfmt.toml.
        .current_dir("/")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn formatted(source: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    rustfmt
        .stdin
        .take()
        .unwrap()
        .write_all(source.as_bytes())
        .unwrap();
    let output = rustfmt.wait_with_output().unwrap();
    assert!(output.status.success(), "{source}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "builds the diesel command; CI runs it"]
fn printed_schemas_are_those_of_the_diesel_command() {
    if Scratch::new("").serves_one_connection() {
        eprintln!("skipped: the diesel command needs a connection of its own");
        return;
    }
    for Sample { name, mut scratch } in samples() {
        let printed = formatted(&scratch.tables().schema.to_rust());
        let expected = diesel_prints(&scratch);
        assert!(
            printed == expected,
            "{name}\n--- Watertight\n{printed}\n--- diesel\n{expected}"
        );
    }
}

/// The two known differences: what the `diesel` command prints for these does not compile, or has wrong names in SQL.
#[test]
fn names_that_are_not_rust_identifiers_keep_their_sql_names() {
    let mut scratch =
        Scratch::new("CREATE TABLE type (id int PRIMARY KEY, \"a-b\" int, \"a b\" int)");
    let printed = formatted(&scratch.tables().schema.to_rust());
    insta::assert_snapshot!(printed, @r#"
    // @generated automatically by Diesel CLI.

    pub mod plugin_shop {
        diesel::table! {
            #[sql_name = "type"]
            plugin_shop.type_ (id) {
                id -> Int4,
                #[sql_name = "a-b"]
                a_b -> Nullable<Int4>,
                #[sql_name = "a b"]
                a_b_ -> Nullable<Int4>,
            }
        }
    }
    "#);
}
