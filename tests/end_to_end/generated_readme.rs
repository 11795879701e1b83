//! Follows the README of a new workspace.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;

#[test]
fn the_commands_of_a_generated_readme_create_an_item() {
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("my-app");
    let path = root.to_str().unwrap();
    let _ = checkout
        .xtask(&["new-workspace", path, "--source", "path"])
        .succeeded();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let blocks: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap())
        .collect();
    let [set_up, list, dev_with_token, create] = blocks[..] else {
        panic!("{blocks:?}");
    };
    let sh = |commands: &str| {
        let mut command = checkout.command("sh");
        command.args(["-e", "-c", commands]).current_dir(&root);
        command
    };
    let (new_plugin, _) = set_up.split_once('\n').unwrap();
    let _ = Outcome::of(sh(new_plugin)).succeeded();

    // Any free port, where the README has 3000.
    let mut dev = sh(&format!("exec env {dev_with_token}"));
    dev.env("PORT", "0");
    let server = RunningServer::start(dev);
    let request = |command: &str| -> Value {
        let command = command.replace("localhost:3000", server.url());
        let output = Outcome::of(sh(&format!("{command} --silent --fail"))).succeeded();
        serde_json::from_str(&output.stdout).unwrap()
    };
    let created = request(create);
    assert_eq!(created["name"], "first");
    assert_eq!(request(list)["items"], Value::Array(vec![created]));
    assert!(server.interrupt().success());
}
