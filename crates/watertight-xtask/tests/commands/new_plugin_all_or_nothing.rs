//! `new-plugin` writes everything or nothing, whatever happens in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::new_plugin::new_plugin;
use crate::test_workspace::{Outcome, TestWorkspace, write_program};

#[test]
fn the_next_run_completes_a_killed_one() {
    let workspace = TestWorkspace::new();
    workspace.run(&new_plugin("my-feature", &[])).succeeded();
    let complete = workspace.tree();
    let plugin_line = "plugin-my-feature.workspace = true\n";
    workspace.replace("server/Cargo.toml", plugin_line, "");
    fs::remove_file(workspace.path("server/src/plugins.rs")).unwrap();
    workspace.write(".watertight/staging/new/Cargo.toml", "half a mani");
    let printed = workspace.run(&new_plugin("my-feature", &[])).succeeded();
    assert!(!printed.contains("plugins/my-feature/"), "{printed}");
    assert!(workspace.tree() == complete);
}

#[test]
fn everything_is_restored_when_cargo_rejects_the_workspace() {
    let workspace = TestWorkspace::new();
    workspace.write(
        "templates/plugin/Cargo.toml.jinja",
        "[package]\nname = \"{{ package }}\"\n\n[dependencies]\nserver = { path = \"../../nowhere\" }\n",
    );
    let message = workspace.fails(&["new-plugin", "orders"]);
    assert!(
        message.contains("so nothing was changed:\nerror: "),
        "{message}"
    );
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn a_read_only_manifest_is_an_error_and_nothing_is_written() {
    let workspace = TestWorkspace::new();
    let read_only = fs::Permissions::from_mode(0o444);
    fs::set_permissions(workspace.path("server/Cargo.toml"), read_only).unwrap();
    assert_snapshot!(workspace.fails(&["new-plugin", "orders"]), @"
    error: failed to change server/Cargo.toml: it is read-only
    hint: make it writable and run the command again
    ");
}

#[test]
fn nothing_is_written_when_the_disk_is_full() {
    let workspace = TestWorkspace::new();
    let padding = "# padding\n".repeat(40_000);
    workspace.write("Cargo.toml", &(workspace.read("Cargo.toml") + &padding));
    let before = workspace.tree();
    // A limit on the size of files makes `write` fail as a full disk does, without being root.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
    let command = workspace.command(&["new-plugin", "orders"]);
    let ran = Command::new("sh")
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(workspace.root())
        .env_remove("CARGO_MANIFEST_DIR")
        .output();
    assert_snapshot!(Outcome::new(ran.unwrap()).failed(), @"error: failed to change Cargo.toml: File too large (os error 27)");
    assert!(workspace.tree() == before);
}

/// Runs `new-plugin` with a script in place of cargo, which sends the command SIGTERM and then continues. SIGINT would be
/// ignored by a process that runs in the background.
fn interrupting(workspace: &TestWorkspace, then: &str) -> std::process::Output {
    let tools = tempfile::TempDir::new().unwrap();
    let cargo = tools.path().join("cargo");
    write_program(&cargo, &format!("kill -TERM $PPID\nsleep 0.2\n{then}"));
    let mut command = workspace.command(&["new-plugin", "orders"]);
    command.env("CARGO", &cargo).output().unwrap()
}

#[test]
fn an_interrupt_waits_until_everything_is_written_or_restored() {
    let workspace = TestWorkspace::new();
    let before = workspace.tree();
    let output = interrupting(&workspace, "exit 1");
    assert_eq!(output.status.signal(), Some(15));
    assert!(workspace.tree() == before);

    let output = interrupting(&workspace, "exit 0");
    assert_eq!(output.status.signal(), Some(15));
    let printed = workspace.run(&new_plugin("orders", &[])).succeeded();
    assert!(printed.starts_with("Nothing to do"), "{printed}");
}

#[test]
fn concurrent_runs_wait_for_each_other() {
    let workspace = TestWorkspace::new();
    let ids = ["a", "b", "c", "d"];
    let started = ids.map(|id| {
        workspace
            .command(&["new-plugin", id])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    for mut command in started {
        assert!(command.wait().unwrap().success());
    }
    let plugins = workspace.read("server/src/plugins.rs");
    for id in ids {
        assert!(
            plugins.contains(&format!("plugin_{id}::plugin()")),
            "{plugins}"
        );
        assert!(
            workspace
                .read("Cargo.lock")
                .contains(&format!("\"plugin-{id}\""))
        );
    }
}

#[test]
fn the_next_run_writes_the_cargo_lock_of_a_killed_one() {
    let workspace = TestWorkspace::new();
    let before = workspace.read("Cargo.lock");
    workspace.run(&["new-plugin", "orders"]).succeeded();
    let whole = workspace.read("Cargo.lock");
    workspace.write("Cargo.lock", &before);
    let again = workspace.run(&["new-plugin", "orders", "--table", "lines"]);
    assert!(
        again.stderr.contains("Updated Cargo.lock."),
        "{}",
        again.stderr
    );
    assert!(
        again.stderr.contains("`--table` have no effect"),
        "{}",
        again.stderr
    );
    assert!(again.succeeded().starts_with("Nothing to do"));
    assert_eq!(workspace.read("Cargo.lock"), whole);
}
