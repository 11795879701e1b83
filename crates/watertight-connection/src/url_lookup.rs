//! Finding `DATABASE_URL`, in the environment or in `.env`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::dot_env::{self, DotEnvError};
use crate::url::{DatabaseUrl, DatabaseUrlError};
use crate::workspace::workspace_root;

const VARIABLE: &str = "DATABASE_URL";

/// A database URL, and where it was set.
#[derive(Debug, Clone)]
pub struct FoundUrl {
    /// The URL.
    pub url: DatabaseUrl,
    /// Where it was set.
    pub origin: UrlOrigin,
}

/// Where a database URL was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlOrigin {
    /// `DATABASE_URL` in the environment.
    Environment,
    /// `DATABASE_URL` in this `.env` file.
    DotEnv(PathBuf),
}

/// Why no database URL was found.
#[derive(Debug, thiserror::Error)]
pub enum UrlLookupError {
    /// `DATABASE_URL` in the environment is invalid.
    #[error("{0} (it is DATABASE_URL in the environment)")]
    Environment(DatabaseUrlError),
    /// `DATABASE_URL` in the `.env` file is invalid.
    #[error("{error} (it is DATABASE_URL in {})", file.display())]
    DotEnv {
        /// The file.
        file: PathBuf,
        /// What is wrong with the URL.
        error: DatabaseUrlError,
    },
    /// The `.env` file cannot be read.
    #[error(transparent)]
    DotEnvFile(#[from] DotEnvError),
    /// `DATABASE_URL` is not set.
    #[error(
        "failed to find the database: DATABASE_URL is not set; set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    NotSet,
}

impl fmt::Display for UrlOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("DATABASE_URL in the environment"),
            Self::DotEnv(file) => write!(formatter, "DATABASE_URL in {}", file.display()),
        }
    }
}

impl DatabaseUrl {
    /// Returns the database URL in the environment's `DATABASE_URL`, or else in the `.env` file in `folder`, or `None`
    /// if neither sets it. An empty value counts as not set.
    ///
    /// # Errors
    /// When `DATABASE_URL` or `.env` is malformed.
    pub fn find(folder: &Path) -> Result<Option<FoundUrl>, UrlLookupError> {
        find_with(folder, &|name| std::env::var(name).ok())
    }

    /// As [`find`](Self::find), with the `.env` file in the root of the workspace that this process works for or, outside
    /// of a workspace, in the current folder.
    ///
    /// # Errors
    /// As [`find`](Self::find), and when `DATABASE_URL` is not set.
    pub fn find_here() -> Result<FoundUrl, UrlLookupError> {
        let folder = workspace_root().unwrap_or_else(|_| PathBuf::from("."));
        Self::find(&folder)?.ok_or(UrlLookupError::NotSet)
    }
}

fn find_with(
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<FoundUrl>, UrlLookupError> {
    let is_set = |value: &String| !value.trim().is_empty();
    if let Some(value) = environment(VARIABLE).filter(is_set) {
        let url =
            DatabaseUrl::parse_in(&value, environment).map_err(UrlLookupError::Environment)?;
        let origin = UrlOrigin::Environment;
        return Ok(Some(FoundUrl { url, origin }));
    }
    let file = folder.join(".env");
    let Some(variables) = dot_env::read(&file)? else {
        return Ok(None);
    };
    let Some(value) = dot_env::last_value(variables, VARIABLE).filter(is_set) else {
        return Ok(None);
    };
    match DatabaseUrl::parse_in(&value, environment) {
        Ok(url) => Ok(Some(FoundUrl {
            url,
            origin: UrlOrigin::DotEnv(file),
        })),
        Err(error) => Err(UrlLookupError::DotEnv { file, error }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn find(
        dot_env: Option<&str>,
        environment: Option<&str>,
    ) -> Result<Option<(String, UrlOrigin)>, String> {
        let workspace = tempfile::tempdir().unwrap();
        let root = workspace.path().display().to_string();
        if let Some(contents) = dot_env {
            fs::write(workspace.path().join(".env"), contents).unwrap();
        }
        let variable = |name: &str| environment.filter(|_| name == VARIABLE).map(str::to_owned);
        let found = find_with(workspace.path(), &variable);
        found
            .map(|found| {
                found.map(|found| {
                    let origin = match found.origin {
                        UrlOrigin::DotEnv(path) => {
                            UrlOrigin::DotEnv(path.strip_prefix(&root).unwrap().into())
                        }
                        UrlOrigin::Environment => UrlOrigin::Environment,
                    };
                    (found.url.expose_secret().to_owned(), origin)
                })
            })
            .map_err(|error| error.to_string().replace(&root, "WORKSPACE"))
    }

    #[test]
    fn the_environment_wins_over_the_file_and_an_empty_value_counts_as_not_set() {
        let file = Some("DATABASE_URL=postgres://h/file\n");
        let in_file = Ok(Some((
            "postgres://h/file".to_owned(),
            UrlOrigin::DotEnv(".env".into()),
        )));
        let in_environment = Ok(Some((
            "postgres://h/env".to_owned(),
            UrlOrigin::Environment,
        )));
        assert_eq!(find(file, Some("postgres://h/env")), in_environment);
        assert_eq!(find(file, Some(" ")), in_file);
        assert_eq!(find(file, None), in_file);
        let with_byte_order_mark = "\u{feff}DATABASE_URL=postgres://h/file\r\n";
        assert_eq!(find(Some(with_byte_order_mark), None), in_file);
        assert_eq!(find(Some("DATABASE_URL=\nOTHER=x\n"), None), Ok(None));
        assert_eq!(find(None, None), Ok(None));
    }

    #[test]
    fn a_malformed_file_is_reported_with_its_line_number_but_not_its_contents() {
        let contents = "# fine\nA=b\n\nDATABASE_URL=postgres://me:se cret\"@h/d\n";
        insta::assert_snapshot!(find(Some(contents), None).unwrap_err(), @"failed to read WORKSPACE/.env: line 4 is not `NAME=value`; correct it, with quotes around a value that holds spaces or `#`");
        insta::assert_snapshot!(find(Some("DATABASE_URL=localhost"), None).unwrap_err(), @"failed to read the database URL: its scheme is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE (it is DATABASE_URL in WORKSPACE/.env)");
        insta::assert_snapshot!(find(None, Some("localhost")).unwrap_err(), @"failed to read the database URL: its scheme is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE (it is DATABASE_URL in the environment)");
        // The environment alone suffices.
        assert!(find(Some("broken line"), Some("postgres://h/d")).is_ok());
    }
}
