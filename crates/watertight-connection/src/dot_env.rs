//! Environment variables from `.env` files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use watertight_diagnostics::Diagnostic;

use crate::workspace_root::workspace_root;

/// Why a `.env` file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DotEnvError {
    /// The file cannot be read.
    #[error("failed to read {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A line is malformed. The line is not shown, as it may contain a password.
    #[error("failed to read {}: line {line} is not `NAME=value`", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line number, from 1.
        line: usize,
    },
}

impl Diagnostic for DotEnvError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } => "make it readable, or remove it",
            Self::Line { .. } => "fix it, with quotes around a value that has spaces or `#`",
        };
        Some(hint.to_owned())
    }
}

/// Returns a variable of the environment, or else of the `.env` file in the workspace's root or, outside of a
/// workspace, in the current folder. An unreadable file counts as empty: looking up the database reports it.
pub fn variable(name: &str) -> Option<String> {
    let folder = workspace_root().unwrap_or_else(|_| PathBuf::from("."));
    variable_in(&folder, name)
}

/// Returns a variable of the environment, or else of the `.env` file in `folder`.
pub fn variable_in(folder: &Path, name: &str) -> Option<String> {
    if let Ok(value) = std::env::var(name) {
        return Some(value);
    }
    let variables = read(&folder.join(".env")).ok()??;
    last_value(variables, name)
}

/// Returns the last value of a variable: as in a shell, later lines win.
pub(crate) fn last_value(variables: Vec<(String, String)>, name: &str) -> Option<String> {
    let found = variables.into_iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value)
}

/// Returns the variables of a `.env` file, or `None` if there is no file.
pub(crate) fn read(file: &Path) -> Result<Option<Vec<(String, String)>>, DotEnvError> {
    let unreadable = |source| DotEnvError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let contents = match File::open(file).and_then(io::read_to_string) {
        Ok(contents) => contents,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Some editors on Windows write a byte order mark.
    let contents = contents.strip_prefix('\u{feff}').unwrap_or(&contents);
    let variables = dotenvy::from_read_iter(contents.as_bytes()).collect::<Result<Vec<_>, _>>();
    variables.map(Some).map_err(|error| match error {
        dotenvy::Error::LineParse(malformed, _) => {
            // dotenvy returns the whole line, or only its value.
            let first = malformed.lines().next().unwrap_or_default().trim();
            let line = contents
                .lines()
                .position(|line| line.trim().ends_with(first))
                .map_or(1, |index| index + 1);
            DotEnvError::Line {
                file: file.to_owned(),
                line,
            }
        }
        dotenvy::Error::Io(source) => unreadable(source),
        other => unreadable(io::Error::other(other.to_string())),
    })
}
