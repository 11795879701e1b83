//! The PostgreSQL that is installed on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::embedded::state::embedded_error::{EmbeddedError, MIN_POSTGRESQL_VERSION};
use crate::embedded::state::install_command::install_command;

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// Returns the first suitable installation in `folders`: of major version `wanted`, or else of any supported version.
    pub(crate) fn find(folders: &[PathBuf], wanted: Option<u32>) -> Result<Self, EmbeddedError> {
        let mut found = Vec::new();
        for folder in folders {
            let Some(binaries) = Self::in_folder(folder) else {
                continue;
            };
            let is_suitable = match wanted {
                Some(major) => binaries.major == major,
                None => binaries.major >= MIN_POSTGRESQL_VERSION,
            };
            if is_suitable {
                return Ok(binaries);
            }
            found.push(binaries.major.to_string());
        }
        found.dedup();
        let found = if found.is_empty() {
            "none".to_owned()
        } else {
            format!("only version {}", found.join(", "))
        };
        Err(match wanted {
            Some(major) => EmbeddedError::OtherVersion { major, found },
            None => EmbeddedError::NoBinaries {
                found,
                install: install_command(),
            },
        })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        // `postgres` on the PATH may be a symbolic link into the folder with the other programs.
        let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
        let folder = postgres.parent()?.to_owned();
        if !folder.join("initdb").exists() {
            return None;
        }
        let output = Command::new(&postgres)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some(Self {
            folder,
            major: major_version(&String::from_utf8_lossy(&output.stdout))?,
        })
    }
}

/// Parses output such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `postgres (PostgreSQL) 18beta1`.
fn major_version(output: &str) -> Option<u32> {
    let version = output.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.bytes().take_while(u8::is_ascii_digit).count();
    version[..digits].parse().ok()
}

/// Returns the folders to search for PostgreSQL's programs, in order: the `PATH`, the folder that `pg_config` prints, and
/// those of the packages for Debian, Fedora, Homebrew and Postgres.app.
pub fn usual_binary_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let pg_config = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output();
    if let Some(output) = pg_config.ok().filter(|output| output.status.success()) {
        folders.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        folders.extend(versions_in(Path::new(parent), prefix).map(|version| version.join(below)));
    }
    folders.extend(
        [
            "/opt/homebrew/opt/postgresql/bin",
            "/usr/local/opt/postgresql/bin",
        ]
        .map(PathBuf::from),
    );
    folders
}

/// Returns the folders in `parent` that are named `prefix` and a version, newest first.
fn versions_in(parent: &Path, prefix: &str) -> impl Iterator<Item = PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.split('.').next()?.parse().ok()?;
            Some((version, entry.path()))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder)
}

#[cfg(test)]
impl Binaries {
    /// Returns an installation that does not exist.
    pub(crate) fn for_test() -> Self {
        Self {
            folder: PathBuf::new(),
            major: MIN_POSTGRESQL_VERSION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_parsed() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("cockroach 23\n"), None);
    }

    #[test]
    fn the_newest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pgsql-9.6", "pgsql-14", "pgsql-17", "other-20", "pgsql-x"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names: Vec<_> = versions_in(folder.path(), "pgsql-")
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["pgsql-17", "pgsql-14", "pgsql-9.6"]);
    }
}
