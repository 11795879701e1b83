//! The SQL of a migration as it was applied, from git.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use watertight_migrations::is_checksum_of;

/// The newest versions of a file that are looked at, on all branches.
const MAX_VERSIONS: &str = "--max-count=100";

/// A version of a file in git.
pub(crate) struct GitVersion {
    /// The commit, abbreviated.
    pub(crate) commit: String,
    pub(crate) sql: String,
}

/// Returns the newest version of a file in git that has this checksum, or `None` if there is none, no repository or no
/// git.
pub(crate) fn find(file: &Path, checksum: &str) -> Option<GitVersion> {
    let folder = file.parent()?;
    let name = file.file_name()?.to_str()?;
    let format = OsStr::new("--format=%h");
    let log = ["log", "--all", MAX_VERSIONS].map(OsStr::new);
    let log = log
        .into_iter()
        .chain([format, OsStr::new("--"), OsStr::new(name)]);
    let commits = git(folder, log)?;
    commits.lines().find_map(|commit| {
        let object = format!("{commit}:./{name}");
        let sql = git(folder, ["show", object.as_str()].map(OsStr::new))?;
        is_checksum_of(checksum, &sql).then(|| GitVersion {
            commit: commit.to_owned(),
            sql,
        })
    })
}

fn git<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a OsStr>) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(())?;
    String::from_utf8(output.stdout).ok()
}
