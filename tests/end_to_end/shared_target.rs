//! The target folder that all workspaces of these tests are built into.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The target folder that this test was built into.
pub fn of_this_test() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/end-to-end-HASH
    test.ancestors().nth(3).unwrap().to_owned()
}

/// Adds the compiled dependencies of the target folder that this test was built into to `target`, so that they are not
/// compiled again.
///
/// The folder is not simply the same: Cargo gives a package of two copies of one workspace the same file names, so that
/// the copy's crates would take the place of those whose tests are running. `members` are the packages of the
/// workspace; they are left out.
///
/// # Panics
///
/// Panics if the files cannot be linked or copied.
pub fn add_dependencies(target: &Path, members: &BTreeSet<String>) {
    let from = of_this_test().join("debug");
    let to = target.join("debug");
    // Cargo holds this lock while it builds.
    let lock = File::open(from.join(".cargo-lock")).unwrap();
    lock.lock_shared().unwrap();
    // The fingerprints come last: without one, Cargo compiles what it belongs to.
    for folder in ["deps", "build", ".fingerprint"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_library = folder != "deps" || name.starts_with("lib");
            let copy = to.join(folder).join(&name);
            if is_library && !members.contains(&package(&name)) && !copy.exists() {
                link(&entry.path(), &copy).unwrap();
            }
        }
    }
}

/// The package, or for a library file the library, in kebab-case: `diesel-async` of `libdiesel_async-0123456789abcdef.rlib`.
fn package(file_name: &str) -> String {
    let (name, _hash) = file_name.rsplit_once('-').unwrap_or((file_name, ""));
    let is_library = Path::new(file_name).extension().is_some();
    let name = if is_library {
        name.trim_start_matches("lib")
    } else {
        name
    };
    name.replace('_', "-")
}

/// Links the large files, which Cargo replaces, and copies those that it writes to. Both keep their times, by which Cargo
/// knows what is out of date.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        // Without the `/` that an empty relative path adds.
        let target = match entry.depth() {
            0 => to.to_owned(),
            _ => to.join(entry.path().strip_prefix(from).unwrap()),
        };
        let is_compiled = entry.path().extension().is_some_and(|extension| {
            ["rlib", "rmeta", "so", "dylib", "a", "o"]
                .iter()
                .any(|known| extension == *known)
        });
        if entry.file_type().is_dir() {
            fs::create_dir_all(target)?;
        } else if is_compiled {
            fs::hard_link(entry.path(), target)?;
        } else {
            copy_with_time(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies a file with its permissions and the time of its last change.
pub fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    set_time_of(from, to)
}

/// Gives a file the time of the last change of another.
pub fn set_time_of(from: &Path, to: &Path) -> io::Result<()> {
    let modified = from.metadata()?.modified()?;
    // A file without the right to write can still be given a time.
    File::open(to)?.set_modified(modified)
}
