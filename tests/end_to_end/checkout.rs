use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::server::rows;
use crate::shared_target;

/// The repository's own plugins.
const PLUGINS: [&str; 3] = ["auth", "catalog", "my-feature"];

/// A copy of the repository as a fresh clone would be: the files that git tracks, without anything built.
///
/// All tests use the same folder, one after the other, so that only the first build is a full one.
pub struct Checkout {
    root: PathBuf,
    // Other tests, in other threads and processes, wait for it.
    _lock: File,
}

impl Checkout {
    /// Creates a clean checkout, or cleans the one of an earlier test.
    ///
    /// # Panics
    ///
    /// Panics if the repository cannot be listed or copied.
    pub fn new() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = shared_target::of_this_test().join("end-to-end");
        let root = folder.join("checkout");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let checkout = Self { root, _lock: lock };
        checkout.stop_server();
        let files = files_of_a_clone(repository);
        shared_target::add_dependencies(&checkout.target_folder(), &packages(&files));
        checkout.copy(files);
        checkout.remove_other_plugins();
        checkout
    }

    /// The folder of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The target folder of the checkout and of the workspaces that tests create with it.
    pub fn target_folder(&self) -> PathBuf {
        self.root.parent().unwrap().join("target")
    }

    /// Makes the folder equal to a clone. Files that are equal already are not touched: Cargo would build them again.
    fn copy(&self, files: BTreeMap<PathBuf, PathBuf>) {
        for entry in walkdir::WalkDir::new(&self.root).contents_first(true) {
            let entry = entry.unwrap();
            let relative = entry.path().strip_prefix(&self.root).unwrap();
            if entry.file_type().is_dir() {
                // This removes empty folders only.
                let _ = fs::remove_dir(entry.path());
            } else if !files.contains_key(relative) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for (relative, source) in files {
            let target = self.root.join(relative);
            let contents = fs::read(&source).unwrap();
            if fs::read(&target).ok().as_ref() != Some(&contents) {
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::write(&target, contents).unwrap();
            }
            let permissions = source.metadata().unwrap().permissions();
            fs::set_permissions(&target, permissions).unwrap();
        }
    }

    /// Removes plugins that were added to the repository, as the README suggests: the tests expect its own plugins
    /// only.
    fn remove_other_plugins(&self) {
        let is_other = |package: &str| {
            package
                .strip_prefix("plugin-")
                .is_some_and(|id| !PLUGINS.contains(&id))
        };
        let mut removed = false;
        for manifest in ["Cargo.toml", "examples/server/Cargo.toml"] {
            let path = self.root.join(manifest);
            let contents = fs::read_to_string(&path).unwrap();
            let mut document: toml_edit::DocumentMut = contents.parse().unwrap();
            let dependencies = match manifest {
                "Cargo.toml" => &mut document["workspace"]["dependencies"],
                _ => &mut document["dependencies"],
            };
            dependencies
                .as_table_mut()
                .unwrap()
                .retain(|package, _| !is_other(package));
            if document.to_string() != contents {
                fs::write(&path, document.to_string()).unwrap();
                removed = true;
            }
        }
        for folder in fs::read_dir(self.root.join("examples/plugins")).unwrap() {
            let folder = folder.unwrap();
            if !PLUGINS.contains(&folder.file_name().to_str().unwrap()) {
                fs::remove_dir_all(folder.path()).unwrap();
                removed = true;
            }
        }
        if removed {
            // Updates the server's `plugins.rs` and `Cargo.lock`.
            let _ = self.xtask(&["new-plugin", "my-feature"]).succeeded();
        }
    }

    /// Gives the files of a copy of Watertight's crates the times of the checkout's files.
    ///
    /// A workspace with a new copy, built into the same target folder, then uses the crates of an earlier copy, unless
    /// they changed.
    pub fn keep_times(&self, copy: &Path) {
        for entry in walkdir::WalkDir::new(copy) {
            let entry = entry.unwrap();
            let original = self.root.join(entry.path().strip_prefix(copy).unwrap());
            if entry.file_type().is_file() && original.is_file() {
                shared_target::set_time_of(&original, entry.path()).unwrap();
            }
        }
    }

    /// A command in the checkout, without variables that choose a database.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            // Cargo sets some for this test, and a cargo that the test starts would use them.
            if name.starts_with("PG") || name.starts_with("CARGO_PKG") || name == "DATABASE_URL" {
                command.env_remove(&*name);
            }
        }
        command
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("CARGO_MANIFEST_PATH")
            .env("CARGO_TARGET_DIR", self.target_folder())
            .env("CARGO_TERM_COLOR", "never");
        command
    }

    /// `cargo xtask` with these arguments.
    pub fn xtask(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command("cargo");
        command.arg("xtask").args(arguments);
        Outcome::of(command)
    }

    /// `cargo xtask` with these arguments, with `DATABASE_URL` set to `url`.
    pub fn xtask_on(&self, url: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command("cargo");
        command
            .arg("xtask")
            .args(arguments)
            .env("DATABASE_URL", url);
        Outcome::of(command)
    }

    /// Builds the example server and returns the path of its program.
    pub fn build_example_server(&self) -> PathBuf {
        let mut build = self.command("cargo");
        build.args(["build", "--package", "server", "--locked"]);
        let _ = Outcome::of(build).succeeded();
        self.target_folder().join("debug/server")
    }

    /// The rows that queries return on the checkout's embedded database.
    pub fn rows(&self, queries: &str) -> String {
        let url = self.xtask(&["db", "run", "--", "printenv", "DATABASE_URL"]);
        rows(url.succeeded().stdout.trim(), queries)
    }

    fn stop_server(&self) {
        if self.root.join("Cargo.toml").exists() && self.root.join(".watertight").exists() {
            // It may have stopped already.
            let _ = self.xtask(&["db", "stop"]);
        }
    }
}

impl Default for Checkout {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.stop_server();
    }
}

/// The files that git tracks or would track, by their paths in the repository.
fn files_of_a_clone(repository: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(repository)
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "failed to list the files that git tracks"
    );
    String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|relative| (PathBuf::from(relative), repository.join(relative)))
        .filter(|(_, source)| source.is_file())
        .collect()
}

/// The names of the packages among the files.
fn packages(files: &BTreeMap<PathBuf, PathBuf>) -> BTreeSet<String> {
    files
        .iter()
        .filter(|(relative, _)| relative.ends_with("Cargo.toml"))
        .filter_map(|(_, manifest)| {
            let manifest: toml_edit::DocumentMut =
                fs::read_to_string(manifest).unwrap().parse().unwrap();
            Some(manifest.get("package")?["name"].as_str()?.to_owned())
        })
        .collect()
}

/// The result of a command that has ended.
#[derive(Debug)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// The exit code, or `None` if a signal ended it.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// Panics if the command cannot be started.
    pub fn of(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            command: format!("{command:?}"),
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Panics with the command's output unless it succeeded.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.exited_with(0)
    }

    /// Panics with the command's output unless it exited with `code`.
    #[must_use]
    #[track_caller]
    pub fn exited_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }
}
