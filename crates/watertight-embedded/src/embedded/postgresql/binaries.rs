//! The PostgreSQL that is installed on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::EmbeddedError;

/// Older versions lack `DROP DATABASE … WITH (FORCE)`, among others.
pub(crate) const OLDEST_MAJOR: u32 = 13;

/// The server's programs, all of one version.
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

    /// The first in `folders` that will do: of major version `wanted`, if data of that version is there.
    pub(crate) fn find(folders: &[PathBuf], wanted: Option<u32>) -> Result<Self, EmbeddedError> {
        let mut found = Vec::new();
        for folder in folders {
            let Some(binaries) = Self::in_folder(folder) else {
                continue;
            };
            let fits = match wanted {
                Some(major) => binaries.major == major,
                None => binaries.major >= OLDEST_MAJOR,
            };
            if fits {
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
                advice: install_advice(),
            },
        })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        // `postgres` on the PATH may be a link into the folder where the other programs are.
        let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
        let folder = postgres.parent()?.to_owned();
        if !folder.join("initdb").exists() {
            return None;
        }
        let said = Command::new(&postgres)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some(Self {
            folder,
            major: major_version(&String::from_utf8_lossy(&said.stdout))?,
        })
    }
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `postgres (PostgreSQL) 18beta1`
fn major_version(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.bytes().take_while(u8::is_ascii_digit).count();
    version[..digits].parse().ok()
}

/// Where server binaries are, best first: the `PATH`, what `pg_config` says, and where the packages of
/// Debian, Fedora, Homebrew and Postgres.app put them.
pub fn usual_binary_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let pg_config = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output();
    if let Some(said) = pg_config.ok().filter(|said| said.status.success()) {
        folders.push(String::from_utf8_lossy(&said.stdout).trim().into());
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

/// The folders of `parent` that are called `prefix` and a version, newest first.
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

pub(crate) fn install_advice() -> String {
    if cfg!(target_os = "macos") {
        return "`brew install postgresql@17`".to_owned();
    }
    advice_for(&fs::read_to_string("/etc/os-release").unwrap_or_default()).to_owned()
}

fn advice_for(os_release: &str) -> &'static str {
    let names: Vec<_> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|names| names.trim_matches('"').split(' '))
        .collect();
    for (system, advice) in [
        ("debian", "`apt-get install postgresql`"),
        ("ubuntu", "`apt-get install postgresql`"),
        ("fedora", "`dnf install postgresql-server`"),
        ("rhel", "`dnf install postgresql-server`"),
        ("alpine", "`apk add postgresql`"),
        ("arch", "`pacman -S postgresql`"),
        ("suse", "`zypper install postgresql-server`"),
        ("opensuse", "`zypper install postgresql-server`"),
    ] {
        if names.contains(&system) {
            return advice;
        }
    }
    "your system's package of the PostgreSQL server"
}

#[cfg(test)]
impl Binaries {
    /// As if they were there.
    pub(crate) fn for_test() -> Self {
        Self {
            folder: PathBuf::new(),
            major: OLDEST_MAJOR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
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

    #[test]
    fn the_advice_fits_the_system() {
        assert_eq!(
            advice_for("ID=ubuntu\nID_LIKE=debian\n"),
            "`apt-get install postgresql`"
        );
        assert_eq!(
            advice_for("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            "`dnf install postgresql-server`"
        );
        assert_eq!(
            advice_for(""),
            "your system's package of the PostgreSQL server"
        );
    }
}
