use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::{HelperError, cache};

/// A program that is built when it is first needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The name of the package and of the program.
    name: String,
    /// The folder of the sources.
    sources: PathBuf,
}

/// The name of a helper's manifest. `cargo package` would leave out a folder with a `Cargo.toml`.
const MANIFEST: &str = "helper.toml";

/// Why [`Helper::build`] takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Cargo builds the helper and shows its progress on the standard error.
    Building,
    /// Another process builds the helper.
    Waiting,
}

/// Variables of Cargo and rustc that are meant for the user's workspace and would change how the helper is built.
const NOT_FOR_HELPERS: [&str; 6] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

impl Helper {
    /// Creates a helper from a folder with the manifest `helper.toml`, a `Cargo.lock` and `src`.
    pub fn new(name: &str, sources: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            sources: sources.into(),
        }
    }

    /// Returns the path of the program, which is built unless it exists.
    ///
    /// Cargo writes to the standard error of this process. `report` is called before a step that may take long.
    ///
    /// # Errors
    ///
    /// Fails if the sources or the cache cannot be used, or if Cargo fails.
    pub fn build(&self, report: &dyn Fn(Progress)) -> Result<PathBuf, HelperError> {
        self.build_in(&cache::folder()?, report)
    }

    fn build_in(&self, cache: &Path, report: &dyn Fn(Progress)) -> Result<PathBuf, HelperError> {
        let folder = cache.join(format!("{}-{}", self.name, self.fingerprint()?));
        let program = folder.join("bin").join(&self.name);
        if program.is_file() {
            return Ok(program);
        }
        fs::create_dir_all(&folder).map_err(in_cache(&folder))?;
        let _lock = lock(&folder.join("lock"), report)?;
        if !program.is_file() {
            report(Progress::Building);
            self.install(&folder)?;
        }
        Ok(program)
    }

    /// Builds a copy of the sources. `cargo install` moves the program to its path when it is complete, wherever a user's
    /// configuration has target folders.
    fn install(&self, folder: &Path) -> Result<(), HelperError> {
        let sources = folder.join("sources");
        self.copy_sources(&sources)?;
        // It is kept when Cargo is interrupted, so that the next build is shorter.
        let target = folder.join("target");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["install", "--locked", "--no-track", "--force", "--path"])
            .arg(&sources)
            .arg("--root")
            .arg(folder)
            .arg("--target-dir")
            .arg(&target)
            // Another folder could choose another toolchain.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for name in NOT_FOR_HELPERS {
            command.env_remove(name);
        }
        // Without this, Cargo warns that the program is not on the PATH.
        let path = env::var_os("PATH").unwrap_or_default();
        let bin = iter::once(folder.join("bin"));
        if let Ok(path) = env::join_paths(bin.chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        let status = command.status().map_err(|source| HelperError::NoCargo {
            name: self.name.clone(),
            source,
        })?;
        if !status.success() {
            return Err(HelperError::Build {
                name: self.name.clone(),
            });
        }
        // Many times the program's size. An error does no harm.
        let _ = fs::remove_dir_all(&target);
        let _ = fs::remove_dir_all(&sources);
        Ok(())
    }

    /// Copies the sources into a folder, with the manifest's name as Cargo expects it.
    fn copy_sources(&self, folder: &Path) -> Result<(), HelperError> {
        for file in self.files()? {
            let path = match file.strip_prefix(&self.sources) {
                Ok(path) if path == Path::new(MANIFEST) => Path::new("Cargo.toml"),
                Ok(path) => path,
                Err(_) => &file,
            };
            let copy = folder.join(path);
            let parent = copy.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(in_cache(parent))?;
            let contents = fs::read(&file).map_err(self.unreadable())?;
            fs::write(&copy, contents).map_err(in_cache(&copy))?;
        }
        Ok(())
    }

    /// Lists the files that the helper is built from.
    fn files(&self) -> Result<Vec<PathBuf>, HelperError> {
        let manifests = ["Cargo.lock", MANIFEST].map(|name| self.sources.join(name));
        let mut files = manifests.to_vec();
        for entry in WalkDir::new(self.sources.join("src")).sort_by_file_name() {
            let entry = entry.map_err(|error| self.unreadable()(error.into()))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        Ok(files)
    }

    fn unreadable(&self) -> impl Fn(io::Error) -> HelperError {
        |source| HelperError::Sources {
            name: self.name.clone(),
            folder: self.sources.clone(),
            source,
        }
    }

    /// A hex digest that changes with the sources and the kind of machine, since machines may share a home folder.
    fn fingerprint(&self) -> Result<String, HelperError> {
        let mut digest = Sha256::new();
        digest.update(format!("{} {}\n", env::consts::OS, env::consts::ARCH));
        for file in self.files()? {
            let contents = fs::read(&file).map_err(self.unreadable())?;
            let path = file.strip_prefix(&self.sources).unwrap_or(&file);
            digest.update(format!("{} {}\n", path.display(), contents.len()));
            digest.update(contents);
        }
        let hexadecimal = digest
            .finalize()
            .iter()
            .take(8)
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Ok(hexadecimal)
    }
}

/// Locks a helper while it is built. The kernel releases the lock when the process ends.
fn lock(path: &Path, report: &dyn Fn(Progress)) -> Result<File, HelperError> {
    let options = File::options().create(true).append(true).clone();
    let file = options.open(path).map_err(in_cache(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            report(Progress::Waiting);
            file.lock().map_err(in_cache(path))?;
        }
        Err(TryLockError::Error(error)) => return Err(in_cache(path)(error)),
    }
    Ok(file)
}

fn in_cache(path: &Path) -> impl FnOnce(io::Error) -> HelperError + use<> {
    let path = path.to_owned();
    |source| HelperError::Cache { path, source }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const CONTENTS: &str =
        "[workspace]\n[package]\nname = \"greeter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

    fn sources(main: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join(MANIFEST), CONTENTS).unwrap();
        let lock = "version = 4\n\n[[package]]\nname = \"greeter\"\nversion = \"0.1.0\"\n";
        fs::write(folder.path().join("Cargo.lock"), lock).unwrap();
        fs::write(folder.path().join("src/main.rs"), main).unwrap();
        folder
    }

    #[test]
    fn a_helper_is_built_once_and_anew_when_its_sources_change() {
        let sources = sources("fn main() { println!(\"one\"); }");
        let cache = tempfile::tempdir().unwrap();
        let reports = RefCell::new(Vec::new());
        let helper = Helper::new("greeter", sources.path());
        let run = || {
            let report = |progress| reports.borrow_mut().push(progress);
            let program = helper.build_in(cache.path(), &report).unwrap();
            let output = Command::new(program).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!((run(), run()), ("one\n".to_owned(), "one\n".to_owned()));
        assert_eq!(*reports.borrow(), [Progress::Building]);
        fs::write(
            sources.path().join("src/main.rs"),
            "fn main() { println!(\"two\"); }",
        )
        .unwrap();
        assert_eq!(run(), "two\n");
        let kept = WalkDir::new(cache.path()).into_iter().flatten();
        assert!(!kept.into_iter().any(|entry| entry.file_name() == "target"));
    }

    #[test]
    fn processes_that_need_a_helper_at_the_same_time_build_it_once() {
        let sources = sources("fn main() {}");
        let cache = tempfile::tempdir().unwrap();
        let built = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let report = |progress| {
                        if progress == Progress::Building {
                            built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    };
                    let helper = Helper::new("greeter", sources.path());
                    assert!(helper.build_in(cache.path(), &report).unwrap().is_file());
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }

    #[test]
    fn errors_name_what_cannot_be_used() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().display().to_string();
        let error = |helper: &Helper, cache: &Path| {
            let error = helper.build_in(cache, &|_| {}).unwrap_err().to_string();
            let fingerprint = helper.fingerprint().unwrap_or_default();
            error
                .replace(&path, "[CACHE]")
                .replace(&format!("-{fingerprint}"), "-[FINGERPRINT]")
        };
        let missing = Helper::new("greeter", cache.path().join("nothing"));
        insta::assert_snapshot!(error(&missing, cache.path()), @"failed to build `greeter`: its sources are not in [CACHE]/nothing: IO error for operation on [CACHE]/nothing/src: No such file or directory (os error 2); run this where Watertight's sources are");
        let broken = sources("fn main() { oh }");
        let broken = Helper::new("greeter", broken.path());
        insta::assert_snapshot!(error(&broken, cache.path()), @"failed to build `greeter`: see what Cargo says above; the first build needs the network and a C compiler");
        let file = cache.path().join("file");
        fs::write(&file, "").unwrap();
        insta::assert_snapshot!(error(&broken, &file), @"failed to use [CACHE]/file/greeter-[FINGERPRINT]: Not a directory (os error 20); make it accessible to this user, or set XDG_CACHE_HOME to a folder that is");
    }
}
