use std::env;
use std::fs::{self, File, TryLockError};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use include_dir::Dir;

use crate::cache_folder::cache_folder;
use crate::helper_error::HelperError;
use crate::helper_sources::HelperSources;

/// A program that is built when it is first needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    name: String,
    sources: HelperSources,
}

/// A step in building a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperProgress {
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
    /// Creates a helper from a folder with the manifest `helper.toml`, a `Cargo.lock` and `src`, which is embedded with
    /// [`include_dir!`](include_dir::include_dir). `name` is the name of its package and of its program.
    #[must_use]
    pub fn new(name: &str, sources: &Dir<'_>) -> Self {
        Self {
            name: name.to_owned(),
            sources: HelperSources::new(sources),
        }
    }

    /// Returns the path of the program, which is built unless it exists.
    ///
    /// Cargo writes to the standard error of this process. `report` is called before a step that may take long.
    ///
    /// # Errors
    ///
    /// Fails if the cache cannot be used, or if Cargo fails.
    pub fn build(&self, report: &dyn Fn(HelperProgress)) -> Result<PathBuf, HelperError> {
        self.build_in(&cache_folder()?, report)
    }

    fn build_in(
        &self,
        cache: &Path,
        report: &dyn Fn(HelperProgress),
    ) -> Result<PathBuf, HelperError> {
        let name = &self.name;
        let folder = cache.join(format!("{name}-{}", self.sources.fingerprint()));
        let program = folder.join("bin").join(name);
        if program.is_file() {
            return Ok(program);
        }
        fs::create_dir_all(&folder).map_err(HelperError::in_cache(&folder))?;
        let _lock = lock(&folder.join("lock"), report)?;
        if !program.is_file() {
            report(HelperProgress::Building);
            self.install(&folder)?;
        }
        Ok(program)
    }

    /// Writes the sources and builds them. `cargo install` moves the program to its path when it is complete, wherever a user's
    /// configuration has target folders.
    fn install(&self, folder: &Path) -> Result<(), HelperError> {
        let sources = folder.join("sources");
        self.sources.write_to(&sources)?;
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
}

/// Locks a helper while it is built. The kernel releases the lock when the process ends.
fn lock(path: &Path, report: &dyn Fn(HelperProgress)) -> Result<File, HelperError> {
    let opened = File::options().create(true).append(true).open(path);
    let file = opened.map_err(HelperError::in_cache(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            report(HelperProgress::Waiting);
            file.lock().map_err(HelperError::in_cache(path))?;
        }
        Err(TryLockError::Error(error)) => return Err(HelperError::in_cache(path)(error)),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use walkdir::WalkDir;
    use watertight_diagnostics::ErrorReport;

    use super::*;
    use crate::helper_sources::MANIFEST;

    const MANIFEST_CONTENTS: &str =
        "[workspace]\n[package]\nname = \"greeter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"greeter\"\nversion = \"0.1.0\"\n";

    fn helper(main: &str) -> Helper {
        let files = [
            (MANIFEST, MANIFEST_CONTENTS),
            ("Cargo.lock", LOCK),
            ("src/main.rs", main),
        ];
        Helper {
            name: "greeter".to_owned(),
            sources: files
                .into_iter()
                .map(|(path, contents)| (path, contents.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_helper_is_built_once_and_again_when_its_sources_change() {
        let cache = tempfile::tempdir().unwrap();
        let reports = RefCell::new(Vec::new());
        let run = |helper: &Helper| {
            let report = |progress| reports.borrow_mut().push(progress);
            let program = helper.build_in(cache.path(), &report).unwrap();
            let output = Command::new(program).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let one = helper("fn main() { println!(\"one\"); }");
        assert_eq!(
            (run(&one), run(&one)),
            ("one\n".to_owned(), "one\n".to_owned())
        );
        assert_eq!(*reports.borrow(), [HelperProgress::Building]);
        assert_eq!(run(&helper("fn main() { println!(\"two\"); }")), "two\n");
        let kept = WalkDir::new(cache.path()).into_iter().flatten();
        assert!(!kept.into_iter().any(|entry| entry.file_name() == "target"));
    }

    #[test]
    fn processes_that_need_a_helper_at_the_same_time_build_it_once() {
        let cache = tempfile::tempdir().unwrap();
        let built = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let report = |progress| {
                        if progress == HelperProgress::Building {
                            built.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    };
                    let helper = helper("fn main() {}");
                    assert!(helper.build_in(cache.path(), &report).unwrap().is_file());
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }

    #[test]
    fn errors_have_hints() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().display().to_string();
        let error = |helper: &Helper, cache: &Path| {
            let error = helper.build_in(cache, &|_| {}).unwrap_err();
            let error = ErrorReport::new(&error).to_string();
            error.replace(&path, "[CACHE]").replace(
                &format!("-{}", helper.sources.fingerprint()),
                "-[FINGERPRINT]",
            )
        };
        let broken = helper("fn main() { oh }");
        insta::assert_snapshot!(error(&broken, cache.path()), @r"
        error: failed to build `greeter`: see Cargo's error above
        hint: the first build needs the network and a C compiler
        ");
        let file = cache.path().join("file");
        fs::write(&file, "").unwrap();
        insta::assert_snapshot!(error(&broken, &file), @r"
        error: failed to use [CACHE]/file/greeter-[FINGERPRINT]: Not a directory (os error 20)
        hint: make it accessible to this user, or set XDG_CACHE_HOME to a folder that is
        ");
    }
}
