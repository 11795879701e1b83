//! The guide for workspaces that exist already, followed step by step.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use toml_edit::{DocumentMut, Item, TableLike};

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;
use crate::server::Server;

/// The workspace that the guide begins with.
const BEFORE: [(&str, &str); 3] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"shop\"]\n",
    ),
    (
        "shop/Cargo.toml",
        "[package]\nname = \"shop\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n[dependencies]\naxum = \"0.8\"\n\
         tokio = { version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }\n",
    ),
    (
        "shop/src/main.rs",
        "fn main() {\n    println!(\"Welcome to the shop\");\n}\n",
    ),
];

/// A fenced block and what follows its fence.
struct Block<'a> {
    info: &'a str,
    contents: &'a str,
}

fn blocks(guide: &str) -> Vec<Block<'_>> {
    // Every second part is inside a block.
    let blocks = guide.split("\n```").skip(1).step_by(2);
    blocks
        .map(|block| {
            let (info, contents) = block.split_once('\n').unwrap();
            Block { info, contents }
        })
        .collect()
}

/// Merges a snippet of a manifest into another table. Arrays are extended.
fn merge(to: &mut dyn TableLike, from: &dyn TableLike) {
    for (key, value) in from.iter() {
        match (to.get_mut(key), value) {
            (None, _) => {
                to.insert(key, value.clone());
            }
            (Some(existing), Item::Value(toml_edit::Value::Array(more))) => {
                existing
                    .as_array_mut()
                    .unwrap()
                    .extend(more.iter().cloned());
            }
            (Some(existing), _) => merge(
                existing.as_table_like_mut().unwrap(),
                value.as_table_like().unwrap(),
            ),
        }
    }
}

/// Writes the file of a block. A manifest that exists is extended.
fn write(root: &Path, file: &str, contents: &str) {
    let path = root.join(file);
    let contents = match fs::read_to_string(&path).ok() {
        Some(existing) if file.ends_with("Cargo.toml") => {
            let mut manifest: DocumentMut = existing.parse().unwrap();
            let snippet: DocumentMut = contents.parse().unwrap();
            merge(manifest.as_table_mut(), snippet.as_table());
            manifest.to_string()
        }
        _ => contents.to_owned(),
    };
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

#[test]
fn the_guide_adds_a_plugin_to_an_existing_server() {
    let checkout = Checkout::new();
    let database = Server::start();
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    for (file, contents) in BEFORE {
        write(root, file, contents);
    }
    // Without it, cargo would look for newer versions.
    fs::copy(checkout.root().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();

    let guide = fs::read_to_string(checkout.root().join("docs/existing-workspace.md")).unwrap();
    let guide = guide
        // The checkout of this test, and any free port.
        .replace("../watertight", checkout.root().to_str().unwrap())
        .replace("127.0.0.1:4000", "127.0.0.1:0");
    let sh = |commands: &str| {
        let mut command = checkout.command("sh");
        command
            .args(["-e", "-c", commands])
            .current_dir(root)
            // As in this repository, whose compiled dependencies can then be used.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("DATABASE_URL", database.url());
        command
    };
    let mut servers = Vec::new();
    for block in blocks(&guide) {
        match block.info.split_once(' ') {
            Some((_, file)) => write(root, file, block.contents),
            None if block.contents.starts_with("curl ") => {
                let server: &RunningServer = servers.last().unwrap();
                let (_, path) = block.contents.split_once("localhost:4000").unwrap();
                let get = |path: &str| ureq::get(format!("{}{path}", server.url())).call();
                let list = get(path.trim()).unwrap().into_body().read_to_string();
                assert_eq!(list.unwrap(), r#"{"items":[],"next_offset":null}"#);
                let home = get("/").unwrap().into_body().read_to_string();
                assert_eq!(home.unwrap(), "Welcome to the shop");
            }
            None => {
                let (commands, serve) = block.contents.trim_end().rsplit_once('\n').unwrap();
                let _ = Outcome::of(sh(commands)).succeeded();
                servers.push(RunningServer::start(sh(&format!("exec {serve}"))));
            }
        }
    }
    assert_eq!(servers.len(), 1);
}
