//! A new repository, from each source of the Watertight crates: it is clean, its tests pass, and its server answers.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checkout::{Checkout, Outcome};
use crate::server::Server;

const TOKEN: &str = "token-of-the-test";

/// A generated repository, and what it is built into: all of them share the built crates of others.
struct NewRepository<'a> {
    checkout: &'a Checkout,
    root: PathBuf,
    url: String,
}

impl NewRepository<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = self.checkout.command(program);
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.checkout.target_folder())
            // Clippy as it is for everybody, not as this repository sets it.
            .env("CLIPPY_CONF_DIR", &self.root)
            .env("DATABASE_URL", &self.url)
            .env("DEVELOPMENT_TOKEN", TOKEN);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command(program);
        command.args(arguments);
        Outcome::of(command).succeeded()
    }

    fn is_clean(&self) {
        let _ = self.run("cargo", &["fmt", "--check"]);
        let _ = self.run(
            "cargo",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        );
    }

    /// Starts the server and makes an item of each plugin over HTTP; everyone sees it, and it lies in its schema.
    fn serves(&self, plugins: &[&str]) {
        let mut command = self.command("cargo");
        command.args([
            "run",
            "--locked",
            "--",
            "serve",
            "--migrate",
            "--listen",
            "127.0.0.1:0",
        ]);
        let server = RunningServer::start(command);
        for plugin in plugins {
            let items = format!("{}/api/{plugin}/items", server.url);
            assert!(
                ureq::post(&items)
                    .send_json(json!({ "name": "a" }))
                    .is_err()
            );
            let request = ureq::post(&items).header("Authorization", format!("Bearer {TOKEN}"));
            assert_eq!(
                request.send_json(json!({ "name": "a" })).unwrap().status(),
                201
            );
            let list: Value = ureq::get(&items)
                .call()
                .unwrap()
                .body_mut()
                .read_json()
                .unwrap();
            assert_eq!(list["items"][0]["name"], "a", "{list}");
        }
        let tables = "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1) FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let outcome = self.run("cargo", &["xtask", "db", "psql", "--", "-XAtc", tables]);
        let expected: Vec<String> = plugins
            .iter()
            .flat_map(|plugin| {
                ["__diesel_schema_migrations", "items"]
                    .map(|table| format!("plugin_{plugin}.{table}"))
            })
            .collect();
        let mut tables: Vec<_> = outcome.stdout.split_whitespace().collect();
        tables.sort_unstable();
        assert_eq!(tables, expected);
    }
}

/// A server of a generated repository. Dropped, it is told to stop, and has to.
struct RunningServer {
    child: Child,
    url: String,
}

impl RunningServer {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("Listening on ").map(str::to_owned);
        Self {
            child,
            url: url.unwrap_or_else(|| panic!("the server says {line:?}")),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // `cargo run` has become the server.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn new_workspace(checkout: &Checkout, folder: &Path, source: &str) -> Outcome {
    let place = folder.join("my-app");
    let place = place.to_str().unwrap();
    let arguments = [
        "new-workspace",
        place,
        "--plugin",
        "billing",
        "--plugin",
        "catalog",
        "--source",
        source,
    ];
    checkout.xtask(&arguments).succeeded()
}

fn repository<'a>(checkout: &'a Checkout, server: &Server, root: PathBuf) -> NewRepository<'a> {
    NewRepository {
        checkout,
        root,
        url: server.url().to_owned(),
    }
}

#[test]
fn a_vendored_repository_is_clean_and_works_when_it_is_cloned_elsewhere() {
    let checkout = Checkout::new();
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let _ = new_workspace(&checkout, folder.path(), "vendored");
    let made = repository(&checkout, &server, folder.path().join("my-app"));
    let _ = made.run("git", &["add", "--all"]);
    let commit = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "commit",
        "-qm",
        "Begin",
    ];
    let _ = made.run("git", &commit);
    let _ = made.run("git", &["clone", "-q", ".", "../cloned"]);

    let cloned = repository(&checkout, &server, folder.path().join("cloned"));
    cloned.is_clean();
    let _ = cloned.run("cargo", &["test", "--locked"]);
    cloned.serves(&["billing", "catalog"]);
    let said = cloned.run(
        "cargo",
        &["xtask", "vendor", checkout.root().to_str().unwrap()],
    );
    assert_eq!(
        said.stdout,
        "Nothing to do: vendor/watertight is as in the checkout.\n"
    );
    assert_eq!(cloned.run("git", &["status", "--short"]).stdout, "");
}

#[test]
fn a_repository_that_takes_the_crates_from_the_checkout_works() {
    let checkout = Checkout::new();
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let _ = new_workspace(&checkout, folder.path(), "path");
    let made = repository(&checkout, &server, folder.path().join("my-app"));
    made.is_clean();
    made.serves(&["billing", "catalog"]);
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing() {
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let fails = |arguments: &[&str], says: &str| {
        let outcome = checkout
            .xtask(&[&["new-workspace"], arguments].concat())
            .exited_with(1);
        assert!(outcome.stderr.contains(says), "{outcome:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    };
    std::fs::create_dir(place("there")).unwrap();
    fails(&[&place("there")], "it is there already");
    fails(&[&place("My_App")], "such as `--name my-app`");
    fails(&[&place("app"), "--name", "9"], "as the workspace's name");
    // Cargo finds nothing there, after everything else was written.
    fails(
        &[&place("app"), "--source", "git=file:///nowhere"],
        "Cargo.lock",
    );
}
