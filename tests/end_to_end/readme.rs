//! The README's commands, run as they are written.

use std::fs;

use crate::checkout::{Checkout, Outcome};
use crate::console;
use crate::running_server::RunningServer;

#[test]
fn the_tour_prints_what_the_readme_shows() {
    let checkout = Checkout::new();
    let readme = fs::read_to_string(checkout.root().join("README.md")).unwrap();
    console::assert_runs_as_shown(&checkout, &readme);
}

#[test]
fn the_commands_for_a_repository_of_ones_own_end_with_a_running_server() {
    let checkout = Checkout::new();
    let readme = fs::read_to_string(checkout.root().join("README.md")).unwrap();
    let (_, block) = readme
        .split_once("```sh\ncargo xtask new-workspace")
        .unwrap();
    let (commands, after) = block.split_once("\n```").unwrap();
    let commands = format!("cargo xtask new-workspace{commands}");
    // The last command serves until it is interrupted.
    let (commands, serve) = commands.rsplit_once('\n').unwrap();
    let (new_workspace, others) = commands.split_once('\n').unwrap();
    let (_, path) = after.split_once("curl localhost:3000").unwrap();
    let path = path.split(['`', '\n']).next().unwrap().trim();

    let app = checkout.root().join("../my-app");
    let remove = || {
        let _ = fs::remove_dir_all(&app);
    };
    remove();
    let sh = |commands: &str| {
        let mut command = checkout.command("sh");
        command.args(["-e", "-c", commands]);
        command
    };
    let _ = Outcome::of(sh(new_workspace)).succeeded();
    checkout.keep_times(&app.join("vendor/watertight"));
    let _ = Outcome::of(sh(others)).succeeded();
    let mut serve = sh(&format!("exec {serve}"));
    // Port 0 is any free port.
    serve.current_dir(&app).env("PORT", "0");
    let server = RunningServer::start(serve);
    let items = ureq::get(format!("{}{path}", server.url())).call();
    let items = items.unwrap().into_body().read_to_string().unwrap();
    assert_eq!(items, r#"{"items":[],"next_offset":null}"#);

    // Ctrl-C stops the server and then the database.
    assert!(server.interrupt().success());
    let mut stopped = sh("until cargo xtask db status | grep 'state *stopped'; do sleep 1; done");
    stopped.current_dir(&app);
    let _ = Outcome::of(stopped).succeeded();
    remove();
}
