//! Finding `DATABASE_URL`, in the environment or in `.env`.

use std::fmt;
use std::path::{Path, PathBuf};

use watertight_diagnostics::Diagnostic;

use crate::database_url::DatabaseUrl;
use crate::database_url::database_url_error::{DatabaseUrlError, URL_FORM};
use crate::dot_env::{self, DotEnvError};
use crate::workspace_root::workspace_root;

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
    /// `DATABASE_URL` is invalid.
    #[error("failed to read {origin}")]
    Invalid {
        /// Where it was set.
        origin: UrlOrigin,
        /// What is wrong with the URL.
        source: DatabaseUrlError,
    },
    /// The `.env` file cannot be read.
    #[error(transparent)]
    DotEnvFile(#[from] DotEnvError),
    /// `DATABASE_URL` is not set.
    #[error("failed to find the database: DATABASE_URL is not set")]
    NotSet,
}

impl Diagnostic for UrlLookupError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { source, .. } => source.hint(),
            Self::DotEnvFile(error) => error.hint(),
            Self::NotSet => Some(format!("set DATABASE_URL to {URL_FORM}")),
        }
    }
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
    let parse = |value: &str, origin: UrlOrigin| match DatabaseUrl::parse_in(value, environment) {
        Ok(url) => Ok(Some(FoundUrl { url, origin })),
        Err(source) => Err(UrlLookupError::Invalid { origin, source }),
    };
    if let Some(value) = environment(VARIABLE).filter(is_set) {
        return parse(&value, UrlOrigin::Environment);
    }
    let file = folder.join(".env");
    let variables = dot_env::read(&file)?.unwrap_or_default();
    match dot_env::last_value(variables, VARIABLE).filter(is_set) {
        Some(value) => parse(&value, UrlOrigin::DotEnv(file)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use watertight_diagnostics::ErrorReport;

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
            .map_err(|error| {
                ErrorReport::new(&error)
                    .to_string()
                    .replace(&root, "WORKSPACE")
            })
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
        insta::assert_snapshot!(find(Some(contents), None).unwrap_err(), @r"
        error: failed to read WORKSPACE/.env: line 4 is not `NAME=value`
        hint: fix it, with quotes around a value that has spaces or `#`
        ");
        insta::assert_snapshot!(find(Some("DATABASE_URL=localhost"), None).unwrap_err(), @r"
        error: failed to read DATABASE_URL in WORKSPACE/.env: invalid database URL: its scheme is not `postgres://`
        hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
        ");
        insta::assert_snapshot!(find(None, Some("localhost")).unwrap_err(), @r"
        error: failed to read DATABASE_URL in the environment: invalid database URL: its scheme is not `postgres://`
        hint: write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE
        ");
        // The environment alone suffices.
        assert!(find(Some("broken line"), Some("postgres://h/d")).is_ok());
    }
}
