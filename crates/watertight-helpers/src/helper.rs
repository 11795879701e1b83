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
    /// The package, and the program.
    name: String,
    /// The package's folder.
    sources: PathBuf,
}

/// What takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Cargo builds the helper, and shows on the standard error how far it is.
    Building,
    /// Another process builds it.
    Waiting,
}

/// Names of Cargo's and rustc's variables that are meant for the workspace around, and would change or misplace what is
/// built.
const NOT_FOR_HELPERS: [&str; 6] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

impl Helper {
    /// The package `name` in the folder `sources`, which has a `Cargo.lock` of its own.
    pub fn new(name: &str, sources: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            sources: sources.into(),
        }
    }

    /// The program; it is built unless it is there.
    ///
    /// Cargo writes to the standard error of this process meanwhile. `report` is told before it may take long.
    ///
    /// # Errors
    ///
    /// When the sources or the place for the program cannot be used, or Cargo fails.
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

    /// `cargo install` puts the program in its place only when it is whole, and wherever a user's settings have targets
    /// go.
    fn install(&self, folder: &Path) -> Result<(), HelperError> {
        // Kept when Cargo is interrupted, so that the next time is shorter.
        let target = folder.join("target");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["install", "--locked", "--no-track", "--force", "--path"])
            .arg(&self.sources)
            .arg("--root")
            .arg(folder)
            .arg("--target-dir")
            .arg(&target)
            // The folder of the sources may be another toolchain's, or be gone for a relative path.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for name in NOT_FOR_HELPERS {
            command.env_remove(name);
        }
        // Else Cargo advises to put the program on the PATH.
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
        // Many times the program's size. If it stays, it does no harm.
        let _ = fs::remove_dir_all(&target);
        Ok(())
    }

    /// Another one whenever the sources are, or the kind of machine: several may share a home.
    fn fingerprint(&self) -> Result<String, HelperError> {
        let unreadable = |source| HelperError::Sources {
            name: self.name.clone(),
            folder: self.sources.clone(),
            source,
        };
        let mut digest = Sha256::new();
        digest.update(format!("{} {}\n", env::consts::OS, env::consts::ARCH));
        let manifests = ["Cargo.lock", "Cargo.toml"].map(|name| self.sources.join(name));
        let mut files = manifests.to_vec();
        for entry in WalkDir::new(self.sources.join("src")).sort_by_file_name() {
            let entry = entry.map_err(|error| unreadable(error.into()))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        for file in files {
            let text = fs::read(&file).map_err(unreadable)?;
            let path = file.strip_prefix(&self.sources).unwrap_or(&file);
            digest.update(format!("{} {}\n", path.display(), text.len()));
            digest.update(text);
        }
        let hexadecimal = digest
            .finalize()
            .iter()
            .take(8)
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Ok(hexadecimal)
    }
}

/// Held by whoever builds. The kernel takes it back however that ends.
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

    const MANIFEST: &str =
        "[workspace]\n[package]\nname = \"greeter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

    fn sources(main: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("Cargo.toml"), MANIFEST).unwrap();
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
            let said = Command::new(program).output().unwrap();
            String::from_utf8(said.stdout).unwrap()
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
    fn two_that_need_a_helper_at_once_build_it_once() {
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
    fn what_stands_in_the_way_is_said() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().display().to_string();
        let error = |helper: &Helper, cache: &Path| {
            let error = helper.build_in(cache, &|_| {}).unwrap_err().to_string();
            let fingerprint = helper.fingerprint().unwrap_or_default();
            error
                .replace(&place, "[CACHE]")
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
