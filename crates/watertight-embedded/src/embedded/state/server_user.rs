use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use super::embedded_error::EmbeddedError;
use super::embedded_kind::EmbeddedKind;

/// The user that the server runs as: PostgreSQL does not run as root. `None` is the user of this process.
#[derive(Debug, Clone)]
pub(crate) struct ServerUser(Option<User>);

impl ServerUser {
    /// Chooses the user of a new server. Unlike PostgreSQL, PGlite runs as root too.
    pub(crate) fn choose(kind: EmbeddedKind) -> Result<Self, EmbeddedError> {
        if kind == EmbeddedKind::Pglite || !geteuid().is_root() {
            return Ok(Self(None));
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self(Some(user)))
            .ok_or(EmbeddedError::OnlyRoot)
    }

    /// Returns the owner of an existing server's folder.
    pub(crate) fn owner_of(folder: &Path) -> io::Result<Self> {
        let owner = Uid::from_raw(std::fs::metadata(folder)?.uid());
        if owner == geteuid() || !geteuid().is_root() {
            return Ok(Self(None));
        }
        Ok(Self(User::from_uid(owner)?))
    }

    /// Returns the user's name for messages.
    pub(crate) fn name(&self) -> String {
        self.0.as_ref().map_or_else(
            || "this process's user".to_owned(),
            |user| format!("`{}`", user.name),
        )
    }

    pub(crate) fn ids(&self) -> Option<(u32, u32)> {
        self.0
            .as_ref()
            .map(|user| (user.uid.as_raw(), user.gid.as_raw()))
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        self.0
            .as_ref()
            .map(|user| user.dir.as_path())
            .filter(|home| home.is_dir())
    }

    /// Returns a command that runs `program` as this user in `folder`, without libpq's environment variables.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.0 {
            command
                .uid(user.uid.as_raw())
                .gid(user.gid.as_raw())
                .env("HOME", &user.dir);
        }
        command
    }

    /// Returns whether the user can write to `folder`, and enter all its parents.
    pub(crate) fn can_use(&self, folder: &Path) -> bool {
        self.command("sh", Path::new("/"))
            .args(["-c", r#"cd "$1" && test -w ."#, "sh"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}
