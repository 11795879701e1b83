//! A workspace in a temporary folder, and the commands run in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use walkdir::WalkDir;

pub const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The files and folders below a root: the permissions and, for a file, the contents.
pub type Tree = BTreeMap<PathBuf, (u32, Option<Vec<u8>>)>;

pub struct TestWorkspace {
    folder: TempDir,
}

impl TestWorkspace {
    /// Creates a workspace like a new one: with a server, without plugins.
    pub fn new() -> Self {
        let workspace = Self {
            folder: TempDir::new().unwrap(),
        };
        workspace.write("Cargo.toml", &root_manifest());
        workspace.write("server/Cargo.toml", SERVER_MANIFEST);
        workspace.write("server/src/main.rs", SERVER_MAIN);
        // With it, Cargo does not look for newer versions.
        let lock = fs::read(Path::new(REPOSITORY).join("Cargo.lock")).unwrap();
        fs::write(workspace.path("Cargo.lock"), lock).unwrap();
        workspace
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn write(&self, path: &str, contents: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let contents = self.read(path);
        assert!(contents.contains(from), "{path} has no {from:?}");
        self.write(path, &contents.replace(from, to));
    }

    /// Writes a plugin with the files that it needs, and no others.
    pub fn write_plugin(&self, folder: &str, id: &str, package: &str) {
        self.write(
            &format!("plugins/{folder}/Cargo.toml"),
            &format!("[package]\nname = \"{package}\"\nedition = \"2024\"\n"),
        );
        self.write(
            &format!("plugins/{folder}/src/plugin_metadata.rs"),
            &format!(
                "pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new(\"{id}\");\n"
            ),
        );
        self.write(&format!("plugins/{folder}/src/lib.rs"), "");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watertight-xtask"));
        command
            .args(arguments)
            .current_dir(self.root())
            .env_remove("CARGO_MANIFEST_DIR");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::new(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must fail, and checks that it changes no file. Returns what it prints on stderr.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let before = self.tree();
        let message = self.run(arguments).failed();
        assert!(self.tree() == before, "something was left behind");
        message
    }

    pub fn tree(&self) -> Tree {
        tree(self.root())
    }
}

pub fn tree(root: &Path) -> Tree {
    WalkDir::new(root)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path();
            let mode = entry.metadata().unwrap().permissions().mode();
            let content = entry.file_type().is_file().then(|| fs::read(path).unwrap());
            (path.strip_prefix(root).unwrap().to_owned(), (mode, content))
        })
        .collect()
}

/// Writes a shell script that can be run at once.
///
/// Another process copies it: a program that another test starts would keep a file of this process open for writing for
/// a moment, and a file that is open for writing cannot be run.
pub fn write_program(path: &Path, script: &str) {
    let source = path.with_extension("sh");
    fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(&source).arg(path);
    assert!(install.status().unwrap().success());
}

pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Returns what a failed command printed on stderr. It prints nothing on stdout.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }

    #[track_caller]
    pub fn usage_error(self) -> String {
        assert_eq!(self.code, Some(2), "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

fn root_manifest() -> String {
    let crates = Path::new(REPOSITORY).join("crates").canonicalize().unwrap();
    let crates = crates.display();
    format!(
        r#"# A workspace.
[workspace]
resolver = "3"
members = ["plugins/*", "server"] # all of them

[workspace.package]
version = "0.1.0"
edition = "2024"
rust-version = "1.95"
license = "MIT OR Apache-2.0"
publish = false

[workspace.dependencies]
# Watertight.
watertight-migrations = {{ path = "{crates}/watertight-migrations" }}
watertight-xtask = {{ path = "{crates}/watertight-xtask" }}

[workspace.lints.rust]
missing_docs = "warn"
unsafe_code = "forbid"

[workspace.lints.clippy]
pedantic = {{ level = "warn", priority = -1 }}
"#
    )
}

const SERVER_MANIFEST: &str = r#"[package]
name = "server"
version.workspace = true
edition.workspace = true

[dependencies]
watertight-migrations.workspace = true

[lints]
workspace = true
"#;

const SERVER_MAIN: &str = "//! The server.

mod plugins;

fn main() {
    println!(\"{} plugins\", plugins::plugins().len());
}
";
