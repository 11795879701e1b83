//! The guide for workspaces that exist already, followed step by step.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use toml_edit::{DocumentMut, Item, TableLike};

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;
use crate::server::Server;

/// What the guide supposes is there.
const BEFORE: [(&str, &str); 3] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"shop\"]\n",
    ),
    (
        "shop/Cargo.toml",
        "[package]\nname = \"shop\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n[dependencies]\naxum = \"0.8\"\n\
         tokio = { version = \"1\", features = [\"full\"] }\n",
    ),
    (
        "shop/src/main.rs",
        "fn main() {\n    println!(\"Welcome to the shop\");\n}\n",
    ),
];

/// A fenced block: what follows the fence, and the text.
struct Block<'a> {
    info: &'a str,
    text: &'a str,
}

fn blocks(guide: &str) -> Vec<Block<'_>> {
    // Before a fence, in a block, and so on in turn.
    let blocks = guide.split("\n```").skip(1).step_by(2);
    blocks
        .map(|block| {
            let (info, text) = block.split_once('\n').unwrap();
            Block { info, text }
        })
        .collect()
}

/// Adds what a snippet of a manifest has: tables are merged, lists grow.
fn add(to: &mut dyn TableLike, from: &dyn TableLike) {
    for (key, value) in from.iter() {
        match (to.get_mut(key), value) {
            (None, _) => {
                to.insert(key, value.clone());
            }
            (Some(there), Item::Value(toml_edit::Value::Array(more))) => {
                there.as_array_mut().unwrap().extend(more.iter().cloned());
            }
            (Some(there), _) => add(
                there.as_table_like_mut().unwrap(),
                value.as_table_like().unwrap(),
            ),
        }
    }
}

/// Does with a block what the guide says: a file is written, a manifest that is there is added to.
fn follow(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    let there = fs::read_to_string(&path).ok();
    let text = match there {
        Some(there) if file.ends_with("Cargo.toml") => {
            let mut manifest: DocumentMut = there.parse().unwrap();
            let snippet: DocumentMut = text.parse().unwrap();
            add(manifest.as_table_mut(), snippet.as_table());
            manifest.to_string()
        }
        _ => text.to_owned(),
    };
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_guide_brings_a_plugin_into_a_server_that_exists() {
    let checkout = Checkout::new();
    let database = Server::start();
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    for (file, text) in BEFORE {
        follow(root, file, text);
    }
    // The versions that are tested; cargo takes what it needs.
    fs::copy(checkout.root().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();

    let guide = fs::read_to_string(checkout.root().join("docs/existing-workspace.md")).unwrap();
    let guide = guide
        // Where the checkout is; any free port.
        .replace("../watertight", checkout.root().to_str().unwrap())
        .replace("127.0.0.1:4000", "127.0.0.1:0");
    let sh = |commands: &str| {
        let mut command = checkout.command("sh");
        command
            .args(["-e", "-c", commands])
            .current_dir(root)
            .env("DATABASE_URL", database.url());
        command
    };
    let mut servers = Vec::new();
    for block in blocks(&guide) {
        match block.info.split_once(' ') {
            Some((_, file)) => follow(root, file, block.text),
            None if block.text.starts_with("curl ") => {
                let server: &RunningServer = servers.last().unwrap();
                let (_, path) = block.text.split_once("localhost:4000").unwrap();
                let get = |path: &str| ureq::get(format!("{}{path}", server.url())).call();
                let list = get(path.trim()).unwrap().into_body().read_to_string();
                assert_eq!(list.unwrap(), r#"{"items":[],"next_offset":null}"#);
                let home = get("/").unwrap().into_body().read_to_string();
                assert_eq!(home.unwrap(), "Welcome to the shop");
            }
            None => {
                let (commands, serve) = block.text.trim_end().rsplit_once('\n').unwrap();
                let _ = Outcome::of(sh(commands)).succeeded();
                servers.push(RunningServer::start(sh(&format!("exec {serve}"))));
            }
        }
    }
    assert_eq!(servers.len(), 1);
}
