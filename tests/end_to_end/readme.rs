//! The README's tour, run as it is written.

use std::fs;
use std::path::Path;

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;

#[test]
fn the_readme_s_tour_prints_what_it_shows() {
    let checkout = Checkout::new();
    // The commands run in the folder that lies beside the text and is called `README.in`.
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        checkout.root().join("README.md"),
        folder.path().join("README.md"),
    )
    .unwrap();
    std::os::unix::fs::symlink(checkout.root(), folder.path().join("README.in")).unwrap();
    trycmd::TestCases::new()
        .register_bin("cargo", Path::new(env!("CARGO")))
        .register_bin("sh", Path::new("/bin/sh"))
        .env(
            "CARGO_TARGET_DIR",
            checkout.target_folder().to_string_lossy(),
        )
        // The README leaves out what cargo says before the command begins.
        .env("CARGO_TERM_QUIET", "true")
        // An empty one counts as none.
        .env("DATABASE_URL", "")
        .case(folder.path().join("README.md"))
        .run();
}

#[test]
fn the_readme_s_commands_make_a_repository_that_serves() {
    let checkout = Checkout::new();
    let readme = fs::read_to_string(checkout.root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## A repository of your own").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (commands, text) = block.split_once("\n```").unwrap();
    let (first, serve) = commands.rsplit_once('\n').unwrap();
    let (_, path) = text.split_once("`curl localhost:3000").unwrap();
    let (path, _) = path.split_once('`').unwrap();

    let place = checkout.root().join("../my-app");
    let remove = || {
        let _ = fs::remove_dir_all(&place);
    };
    remove();
    let sh = |commands: &str| {
        let mut command = checkout.command("sh");
        command.args(["-e", "-c", commands]);
        command
    };
    let _ = Outcome::of(sh(first)).succeeded();
    let mut serve = sh(&format!("exec {serve}"));
    // Any free port.
    serve.current_dir(&place).env("PORT", "0");
    let server = RunningServer::start(serve);
    let items = ureq::get(format!("{}{path}", server.url())).call();
    let items = items.unwrap().into_body().read_to_string().unwrap();
    assert_eq!(items, r#"{"items":[],"next_offset":null}"#);

    // Ctrl-C stops the server and then the database.
    assert!(server.interrupt().success());
    let mut stopped = sh("until cargo xtask db status | grep 'state *stopped'; do sleep 1; done");
    stopped.current_dir(&place);
    let _ = Outcome::of(stopped).succeeded();
    remove();
}
