//! Where a workspace's database is: `DATABASE_URL`, `.env`, else the embedded server.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::{
    DatabaseUrl, DatabaseUrlError, EmbeddedError, EmbeddedServer, Progress, WorkspaceError,
    workspace_root,
};

const VARIABLE: &str = "DATABASE_URL";

/// The database that a workspace uses. While it lives, the embedded server, if it is one, stays up.
pub struct Database {
    url: DatabaseUrl,
    origin: Origin,
    _embedded: Option<EmbeddedServer>,
}

/// What named the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `DATABASE_URL` in the environment.
    Environment,
    /// `DATABASE_URL` in this file.
    DotEnv(PathBuf),
    /// Nothing: it is the workspace's embedded server.
    Embedded,
}

/// Why a workspace has no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `DATABASE_URL` of the environment is no database URL.
    #[error("{0} (it is DATABASE_URL in the environment)")]
    Environment(DatabaseUrlError),
    /// `DATABASE_URL` of the `.env` file is no database URL.
    #[error("{error} (it is DATABASE_URL in {})", file.display())]
    DotEnv {
        /// The file.
        file: PathBuf,
        /// What is wrong with the URL.
        error: DatabaseUrlError,
    },
    /// The `.env` file cannot be read.
    #[error("failed to read {}: {source}; make it readable, or remove it", file.display())]
    DotEnvFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The `.env` file is not well-formed. The line is not shown: it may hold a password.
    #[error("failed to read {}: line {line} is not `NAME=value`; correct it, with quotes around a value that holds spaces or `#`", file.display())]
    DotEnvLine {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// There is no `DATABASE_URL`, and no workspace that could have an embedded server.
    #[error(
        "failed to find the database: DATABASE_URL is not set; set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE ({0})"
    )]
    Nowhere(WorkspaceError),
    /// The embedded server cannot be used.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("url", &self.url)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Finds the database of the workspace at `workspace_root`: `DATABASE_URL` from the environment, then
    /// from `.env` in that folder, else the embedded server, which is started if it does not run.
    ///
    /// This does not connect to a database that `DATABASE_URL` names.
    ///
    /// # Errors
    /// When `DATABASE_URL` or `.env` is malformed, or the embedded server does not start.
    pub fn find(workspace_root: &Path) -> Result<Self, DatabaseError> {
        Self::find_with(workspace_root, &|_| {})
    }

    /// As [`find`](Self::find), and tells `report` what takes its time.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_with(
        workspace_root: &Path,
        report: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DatabaseError> {
        if let Some((url, origin)) = Self::named(workspace_root)? {
            return Ok(Self {
                url,
                origin,
                _embedded: None,
            });
        }
        let server = EmbeddedServer::acquire_with(workspace_root, report)?;
        Ok(Self {
            url: server.url().clone(),
            origin: Origin::Embedded,
            _embedded: Some(server),
        })
    }

    /// Finds the database of the workspace that this process works for, as [`find`](Self::find) does. Outside of any
    /// workspace, as where a server is installed, only `DATABASE_URL` names one.
    ///
    /// # Errors
    /// As [`find`](Self::find), and when there is neither a workspace nor a `DATABASE_URL`.
    pub fn find_here() -> Result<Self, DatabaseError> {
        Self::find_here_with(&|_| {})
    }

    /// As [`find_here`](Self::find_here), and tells `report` what takes its time.
    ///
    /// # Errors
    /// As [`find_here`](Self::find_here).
    pub fn find_here_with(report: &(dyn Fn(Progress) + Sync)) -> Result<Self, DatabaseError> {
        let error = match workspace_root() {
            Ok(root) => return Self::find_with(&root, report),
            Err(error) => error,
        };
        match Self::named(Path::new("."))? {
            Some((url, origin)) => Ok(Self {
                url,
                origin,
                _embedded: None,
            }),
            None => Err(DatabaseError::Nowhere(error)),
        }
    }

    /// The database that `DATABASE_URL` names, in the environment or in `.env`; none where the embedded server
    /// is used. This starts nothing.
    ///
    /// # Errors
    /// When `DATABASE_URL` or `.env` is malformed.
    pub fn named(workspace_root: &Path) -> Result<Option<(DatabaseUrl, Origin)>, DatabaseError> {
        named_url(workspace_root, &|name| std::env::var(name).ok())
    }

    /// The URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// What named the database.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

fn named_url(
    workspace_root: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(DatabaseUrl, Origin)>, DatabaseError> {
    let set = |value: &String| !value.trim().is_empty();
    if let Some(url) = environment(VARIABLE).filter(set) {
        let url = DatabaseUrl::parse_in(&url, environment).map_err(DatabaseError::Environment)?;
        return Ok(Some((url, Origin::Environment)));
    }
    let file = workspace_root.join(".env");
    let Some(variables) = read_dot_env(&file)? else {
        return Ok(None);
    };
    // As in a shell, the last one counts.
    let named = variables
        .into_iter()
        .rev()
        .find(|(name, _)| name == VARIABLE);
    let Some(url) = named.map(|(_, url)| url).filter(set) else {
        return Ok(None);
    };
    match DatabaseUrl::parse_in(&url, environment) {
        Ok(url) => Ok(Some((url, Origin::DotEnv(file)))),
        Err(error) => Err(DatabaseError::DotEnv { file, error }),
    }
}

/// A variable of the environment, else of the `.env` file in the workspace or, outside of any, in the current
/// folder. A file that cannot be read has none: whoever looks for the database says why.
pub fn variable(name: &str) -> Option<String> {
    let folder = workspace_root().unwrap_or_else(|_| PathBuf::from("."));
    variable_of(&folder, name)
}

/// A variable of the environment, else of the `.env` file in `folder`.
pub(crate) fn variable_of(folder: &Path, name: &str) -> Option<String> {
    if let Ok(value) = std::env::var(name) {
        return Some(value);
    }
    let variables = read_dot_env(&folder.join(".env")).ok()??;
    let found = variables.into_iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value)
}

/// The variables of a `.env` file; none if there is no file.
fn read_dot_env(file: &Path) -> Result<Option<Vec<(String, String)>>, DatabaseError> {
    let unreadable = |source| DatabaseError::DotEnvFile {
        file: file.to_owned(),
        source,
    };
    let text = match File::open(file).and_then(io::read_to_string) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Some editors on Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let variables = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    variables.map(Some).map_err(|error| match error {
        dotenvy::Error::LineParse(wrong, _) => {
            // It is the whole line, or only its value.
            let first = wrong.lines().next().unwrap_or_default().trim();
            let line = text
                .lines()
                .position(|line| line.trim().ends_with(first))
                .map_or(1, |at| at + 1);
            DatabaseError::DotEnvLine {
                file: file.to_owned(),
                line,
            }
        }
        dotenvy::Error::Io(source) => unreadable(source),
        other => unreadable(io::Error::other(other.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn find(
        dot_env: Option<&str>,
        environment: Option<&str>,
    ) -> Result<Option<(String, Origin)>, String> {
        let workspace = tempfile::tempdir().unwrap();
        let file = workspace.path().join(".env");
        if let Some(text) = dot_env {
            fs::write(&file, text).unwrap();
        }
        let variable = |name: &str| environment.filter(|_| name == VARIABLE).map(str::to_owned);
        let found = named_url(workspace.path(), &variable);
        let found =
            found.map(|found| found.map(|(url, origin)| (url.expose_secret().to_owned(), origin)));
        let place = workspace.path().display().to_string();
        found
            .map(|found| {
                found.map(|(url, origin)| match origin {
                    Origin::DotEnv(path) => (
                        url,
                        Origin::DotEnv(path.strip_prefix(&place).unwrap().into()),
                    ),
                    other => (url, other),
                })
            })
            .map_err(|error| error.to_string().replace(&place, "WORKSPACE"))
    }

    #[test]
    fn the_environment_comes_before_the_file_and_an_empty_value_is_none() {
        let file = Some("DATABASE_URL=postgres://h/file\n");
        let in_file = Ok(Some((
            "postgres://h/file".to_owned(),
            Origin::DotEnv(".env".into()),
        )));
        let in_environment = Ok(Some(("postgres://h/env".to_owned(), Origin::Environment)));
        assert_eq!(find(file, Some("postgres://h/env")), in_environment);
        assert_eq!(find(file, Some(" ")), in_file);
        assert_eq!(find(file, None), in_file);
        let marked = "\u{feff}DATABASE_URL=postgres://h/file\r\n";
        assert_eq!(find(Some(marked), None), in_file);
        assert_eq!(find(Some("DATABASE_URL=\nOTHER=x\n"), None), Ok(None));
        assert_eq!(find(None, None), Ok(None));
    }

    #[test]
    fn a_broken_file_is_named_with_its_line_and_not_shown() {
        let text = "# fine\nA=b\n\nDATABASE_URL=postgres://me:se cret\"@h/d\n";
        insta::assert_snapshot!(find(Some(text), None).unwrap_err(), @"failed to read WORKSPACE/.env: line 4 is not `NAME=value`; correct it, with quotes around a value that holds spaces or `#`");
        insta::assert_snapshot!(find(Some("DATABASE_URL=localhost"), None).unwrap_err(), @"failed to read the database URL: its scheme is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE (it is DATABASE_URL in WORKSPACE/.env)");
        insta::assert_snapshot!(find(None, Some("localhost")).unwrap_err(), @"failed to read the database URL: its scheme is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE (it is DATABASE_URL in the environment)");
        // A valid `.env` is not needed where the environment has the URL.
        assert!(find(Some("broken line"), Some("postgres://h/d")).is_ok());
    }
}
