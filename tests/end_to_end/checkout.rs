use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::server::rows;

/// The plugins that the repository has by itself.
const PLUGINS: [&str; 3] = ["auth", "catalog", "my-feature"];

/// A copy of the repository as a fresh clone would be: what git tracks, and nothing that was built.
///
/// All checkouts are laid in one place, one after the other, so that only the first build is a whole one.
pub struct Checkout {
    root: PathBuf,
    // Held while the checkout is in use: tests in other threads and processes wait.
    _lock: File,
}

impl Checkout {
    /// Lays a clean checkout.
    ///
    /// # Panics
    ///
    /// Panics when the repository cannot be listed or copied.
    pub fn new() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let place = target_folder(repository).join("end-to-end");
        let root = place.join("checkout");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(place.join("lock")).unwrap();
        lock.lock().unwrap();
        let checkout = Self { root, _lock: lock };
        checkout.stop_server();
        checkout.lay(repository);
        checkout.take_out_other_plugins();
        checkout
    }

    /// The folder of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is built in the checkout goes here, and stays for the next one.
    pub fn target_folder(&self) -> PathBuf {
        self.root.parent().unwrap().join("target")
    }

    /// Makes the folder equal to what git would clone; a file that is equal already is not touched, so
    /// that cargo does not build it again.
    fn lay(&self, repository: &Path) {
        let wanted = files_of_a_clone(repository);
        for entry in walkdir::WalkDir::new(&self.root).contents_first(true) {
            let entry = entry.unwrap();
            let relative = entry.path().strip_prefix(&self.root).unwrap();
            if entry.file_type().is_dir() {
                // Only an empty folder goes.
                let _ = fs::remove_dir(entry.path());
            } else if !wanted.contains_key(relative) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for (relative, source) in wanted {
            let target = self.root.join(relative);
            let content = fs::read(&source).unwrap();
            if fs::read(&target).ok().as_ref() != Some(&content) {
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::write(&target, content).unwrap();
            }
            let permissions = source.metadata().unwrap().permissions();
            fs::set_permissions(&target, permissions).unwrap();
        }
    }

    /// Takes out the plugins that somebody has added to the repository, as the README tells everybody to: what the
    /// tests expect is what comes of the plugins that the repository has by itself.
    fn take_out_other_plugins(&self) {
        let is_other = |package: &str| {
            package
                .strip_prefix("plugin-")
                .is_some_and(|id| !PLUGINS.contains(&id))
        };
        let mut any = false;
        for manifest in ["Cargo.toml", "examples/server/Cargo.toml"] {
            let path = self.root.join(manifest);
            let text = fs::read_to_string(&path).unwrap();
            let mut document: toml_edit::DocumentMut = text.parse().unwrap();
            let dependencies = match manifest {
                "Cargo.toml" => &mut document["workspace"]["dependencies"],
                _ => &mut document["dependencies"],
            };
            dependencies
                .as_table_mut()
                .unwrap()
                .retain(|package, _| !is_other(package));
            if document.to_string() != text {
                fs::write(&path, document.to_string()).unwrap();
                any = true;
            }
        }
        for folder in fs::read_dir(self.root.join("examples/plugins")).unwrap() {
            let folder = folder.unwrap();
            if !PLUGINS.contains(&folder.file_name().to_str().unwrap()) {
                fs::remove_dir_all(folder.path()).unwrap();
                any = true;
            }
        }
        if any {
            // The server's `plugins.rs` and `Cargo.lock` are written from the plugins that are left.
            let _ = self.xtask(&["new-plugin", "my-feature"]).succeeded();
        }
    }

    /// A command in the checkout, with none of the variables that choose a database.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            // What cargo sets for this test would mislead the cargo that the test starts.
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

    /// `cargo xtask` with these arguments, against the database at `url`.
    pub fn xtask_on(&self, url: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command("cargo");
        command
            .arg("xtask")
            .args(arguments)
            .env("DATABASE_URL", url);
        Outcome::of(command)
    }

    /// What queries answer on the checkout's embedded database.
    pub fn rows(&self, queries: &str) -> String {
        let url = self.xtask(&["db", "run", "--", "printenv", "DATABASE_URL"]);
        rows(url.succeeded().stdout.trim(), queries)
    }

    fn stop_server(&self) {
        if self.root.join("Cargo.toml").exists() && self.root.join(".watertight").exists() {
            // It may have stopped by itself already.
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

/// The target folder that this test was built into.
fn target_folder(repository: &Path) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let target = deps.parent().and_then(Path::parent);
    target.map_or_else(|| repository.join("target"), Path::to_owned)
}

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
        "failed to list the files that git knows"
    );
    String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|relative| (PathBuf::from(relative), repository.join(relative)))
        .filter(|(_, source)| source.is_file())
        .collect()
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote as its result.
    pub stdout: String,
    /// What it wrote besides.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// Panics when the command cannot be started.
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

    /// Panics with everything the command said unless it succeeded.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.exited_with(0)
    }

    /// Panics with everything the command said unless it exited with `code`.
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
