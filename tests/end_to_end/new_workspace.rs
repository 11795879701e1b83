//! New workspaces, with each source of the Watertight crates: they are clean, their tests pass, and their servers serve.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checkout::{Checkout, Outcome};
use crate::running_server::RunningServer;
use crate::server::{Server, rows};

const TOKEN: &str = "token-of-the-test";

/// A generated repository and its database.
struct NewRepository<'a> {
    checkout: &'a Checkout,
    root: PathBuf,
    url: String,
    /// `CARGO_HOME`, if not the user's.
    cargo_home: Option<PathBuf>,
}

impl NewRepository<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = self.checkout.command(program);
        command.envs(self.cargo_home.iter().map(|home| ("CARGO_HOME", home)));
        command
            .current_dir(&self.root)
            // Clippy with its defaults, without this repository's settings.
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

    /// Checks that it is formatted, its tests pass, and its server serves these plugins.
    fn works(&self, plugins: &[&str]) {
        let _ = self.run("cargo", &["fmt", "--check"]);
        let _ = self.run("cargo", &["test", "--locked"]);
        self.serves(plugins);
    }

    fn has_no_warnings(&self) {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked"];
        let _ = self.run("cargo", &[&clippy[..], &["--", "-D", "warnings"]].concat());
    }

    /// Adds a template, so that its `cargo xtask new-workspace` works.
    fn add_template(&self) {
        let template = self.checkout.root().join("template");
        symlink(template, self.root.join("template")).unwrap();
        let manifest = self.root.join("Cargo.toml");
        let mut text = std::fs::read_to_string(&manifest).unwrap();
        text += "\n[workspace.metadata.watertight]\ntemplate = \"template\"\n";
        std::fs::write(manifest, text).unwrap();
    }

    fn has_the_crates_of_the_checkout(&self) {
        let checkout = self.checkout.root().to_str().unwrap();
        let outcome = self.run("cargo", &["xtask", "vendor", checkout]);
        assert_eq!(
            outcome.stdout,
            "Nothing to do: vendor/watertight has the files of the checkout.\n"
        );
    }

    /// Starts the server and creates an item of each plugin over HTTP, which needs the token. Anybody can list the items,
    /// and the only tables are those of the plugins.
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
            let items = format!("{}/api/{plugin}/items", server.url());
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
        assert!(server.terminate().success());
        let tables = "SELECT schemaname || '.' || tablename FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        let expected: Vec<String> = plugins
            .iter()
            .flat_map(|plugin| {
                ["__diesel_schema_migrations", "items"]
                    .map(|table| format!("(plugin_{plugin}.{table})\n"))
            })
            .collect();
        assert_eq!(rows(&self.url, tables), expected.concat());
    }
}

fn new_workspace(checkout: &Checkout, folder: &Path, source: &str) -> Outcome {
    let path = folder.join("my-app");
    let arguments = [
        "new-workspace",
        path.to_str().unwrap(),
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
        cargo_home: None,
    }
}

#[test]
fn a_vendored_repository_is_clean_and_works_in_a_clone() {
    let checkout = Checkout::new();
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let _ = new_workspace(&checkout, folder.path(), "vendored");
    let made = repository(&checkout, &server, folder.path().join("my-app"));
    let branch = made.run("git", &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(branch.stdout, "main\n");
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
    checkout.keep_times(&cloned.root.join("vendor/watertight"));
    // That does not depend on the source of the crates: the other sources are not checked.
    cloned.has_no_warnings();
    cloned.works(&["billing", "catalog"]);
    cloned.has_the_crates_of_the_checkout();
    assert_eq!(cloned.run("git", &["status", "--short"]).stdout, "");
}

#[test]
fn a_repository_that_uses_the_crates_of_the_checkout_works() {
    let checkout = Checkout::new();
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let _ = new_workspace(&checkout, folder.path(), "path");
    let made = repository(&checkout, &server, folder.path().join("my-app"));
    made.works(&["billing", "catalog"]);
}

#[test]
fn a_repository_that_uses_the_crates_from_git_works_and_can_create_another() {
    let checkout = Checkout::new();
    let server = Server::start();
    let folder = TempDir::new().unwrap();
    let source = committed(&checkout, folder.path());
    // What cargo clones is removed with the folder.
    let cargo_home = cargo_home_without_git(folder.path());
    let mut command = checkout.command("cargo");
    command
        .args(["xtask", "new-workspace"])
        .args(["--plugin", "billing", "--plugin", "catalog"])
        .args(["--source", &format!("git=file://{}", source.display())])
        .arg(folder.path().join("my-app"))
        .env("CARGO_HOME", &cargo_home);
    let _ = Outcome::of(command).succeeded();
    let mut made = repository(&checkout, &server, folder.path().join("my-app"));
    made.cargo_home = Some(cargo_home);
    made.works(&["billing", "catalog"]);

    // With a template it creates workspaces too, with the crates and the helper from cargo's clone.
    made.add_template();
    let _ = made.run("cargo", &["xtask", "new-workspace", "../second"]);
    let mut second = repository(&checkout, &server, folder.path().join("second"));
    second.cargo_home = made.cargo_home.clone();
    second.has_the_crates_of_the_checkout();

    // And so does that one, with its own copy.
    second.add_template();
    let _ = second.run("cargo", &["xtask", "new-workspace", "../third"]);
    let third = repository(&checkout, &server, folder.path().join("third"));
    third.has_the_crates_of_the_checkout();
}

/// The checkout as a bare git repository.
fn committed(checkout: &Checkout, folder: &Path) -> PathBuf {
    let repository = folder.join("watertight.git");
    let git = |arguments: &[&str]| {
        let mut command = checkout.command("git");
        command
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .arg(format!("--git-dir={}", repository.display()))
            .args(arguments);
        let _ = Outcome::of(command).succeeded();
    };
    git(&["init", "--quiet", "--bare"]);
    git(&["--work-tree=.", "add", "--all"]);
    git(&["--work-tree=.", "commit", "--quiet", "--message=All"]);
    repository
}

/// The user's Cargo home without its git repositories.
fn cargo_home_without_git(folder: &Path) -> PathBuf {
    let cargo_home = folder.join("cargo-home");
    std::fs::create_dir(&cargo_home).unwrap();
    let original = home::cargo_home().unwrap();
    for entry in std::fs::read_dir(original).unwrap().map(Result::unwrap) {
        if entry.file_name() != "git" {
            symlink(entry.path(), cargo_home.join(entry.file_name())).unwrap();
        }
    }
    cargo_home
}

#[test]
fn the_dockerfile_builds_a_server_that_needs_only_a_database() {
    let server = Server::start();
    if server.serves_one_connection() {
        eprintln!("skipped: an image is for a PostgreSQL server");
        return;
    }
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    let _ = new_workspace(&checkout, folder.path(), "vendored");
    let app = folder.path().join("my-app");
    checkout.keep_times(&app.join("vendor/watertight"));
    let image = folder.path().join("image");
    std::fs::create_dir(&image).unwrap();
    symlink(checkout.target_folder(), app.join("target")).unwrap();
    let local = |path: &str| match path.strip_prefix("/usr/local/bin/") {
        Some(program) => image.join(program),
        None => app.join(path.strip_prefix("/app/").unwrap()),
    };

    let dockerfile = std::fs::read_to_string(app.join("Dockerfile")).unwrap();
    let mut running = None;
    for line in dockerfile.lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or_default();
        let words: Vec<&str> = rest.split(' ').collect();
        match (instruction, words.as_slice()) {
            ("RUN", ["cargo", ..]) => {
                let mut command = checkout.command("sh");
                command
                    .args(["-c", rest])
                    .current_dir(&app)
                    .env_remove("CARGO_TARGET_DIR")
                    // To build it sooner.
                    .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
                let _ = Outcome::of(command).succeeded();
            }
            ("COPY", ["--from=build", from, to]) => {
                let _ = std::fs::copy(local(from), local(to)).unwrap();
            }
            ("CMD", _) => {
                let words: Vec<String> = serde_json::from_str(rest).unwrap();
                let mut without_url = Command::new(image.join(&words[0]));
                without_url.arg("status").current_dir("/").env_clear();
                let outcome = Outcome::of(without_url).exited_with(1);
                let expected = "error: failed to find the database: DATABASE_URL is not set";
                assert!(outcome.stderr.starts_with(expected), "{outcome:?}");
                let mut command = Command::new(image.join(&words[0]));
                command
                    .args(&words[1..])
                    .current_dir("/")
                    .env_clear()
                    // Any free port, instead of 3000.
                    .env("PORT", "0")
                    .env("DATABASE_URL", server.url());
                running = Some(RunningServer::start(command));
            }
            _ => {}
        }
    }
    let running = running.unwrap();
    let ready = ureq::get(format!("{}/readyz", running.url())).call();
    assert_eq!(ready.unwrap().status(), 200);
    assert!(running.terminate().success());
}

#[test]
fn a_second_run_is_refused_and_a_killed_run_does_not_hinder_the_next() {
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    let app = folder.path().join("my-app");
    let partial = folder.path().join(".my-app.partial");
    let signal = |child: &Child, name: &str| {
        let group = format!("-{}", child.id());
        let mut kill = Command::new("kill");
        assert!(
            kill.args(["-s", name, "--", &group])
                .status()
                .unwrap()
                .success()
        );
    };
    // Builds the helper, which would delay the run below.
    let elsewhere = folder.path().join("elsewhere");
    let _ = checkout
        .xtask(&["new-workspace", elsewhere.to_str().unwrap()])
        .succeeded();

    let mut command = checkout.command("cargo");
    command
        .args(["xtask", "new-workspace"])
        .arg(&app)
        .process_group(0);
    let mut killed = command.stderr(Stdio::null()).spawn().unwrap();
    // The folder exists once the run holds its lock.
    while !partial.join("my-app").exists() {
        assert_eq!(killed.try_wait().unwrap(), None, "it ended too early");
        sleep(Duration::from_millis(1));
    }
    signal(&killed, "STOP");
    let second = checkout
        .xtask(&["new-workspace", app.to_str().unwrap()])
        .exited_with(1);
    assert!(
        second.stderr.contains("another run is creating it"),
        "{second:?}"
    );
    signal(&killed, "KILL");
    let _ = killed.wait().unwrap();
    assert!(!app.exists() && partial.exists());

    let _ = checkout
        .xtask(&["new-workspace", app.to_str().unwrap()])
        .succeeded();
    assert!(app.join("Cargo.lock").exists() && !partial.exists());
}

#[test]
fn a_workspace_that_cannot_be_created_leaves_nothing() {
    let checkout = Checkout::new();
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let fails = |arguments: &[&str], message: &str| {
        let outcome = checkout
            .xtask(&[&["new-workspace"], arguments].concat())
            .exited_with(1);
        assert!(outcome.stderr.contains(message), "{outcome:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    };
    std::fs::create_dir(path("there")).unwrap();
    fails(&[&path("there")], "it exists already");
    fails(&[&path("My_App")], "such as `--name my-app`");
    fails(
        &[&path("app"), "--name", "9"],
        "is not a valid workspace name",
    );
    // Cargo finds no repository there, when everything else is written.
    fails(
        &[&path("app"), "--source", "git=file:///nowhere"],
        "Cargo.lock",
    );

    // A git that fails.
    let programs = TempDir::new().unwrap();
    let git = programs.path().join("git");
    std::fs::write(&git, "#!/bin/sh\nexit 127\n").unwrap();
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    let search_path = std::env::var("PATH").unwrap();
    let mut command = checkout.command("cargo");
    command.args(["xtask", "new-workspace", &path("app")]).env(
        "PATH",
        format!("{}:{search_path}", programs.path().display()),
    );
    let outcome = Outcome::of(command).exited_with(1);
    assert!(outcome.stderr.contains("install git"), "{outcome:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
