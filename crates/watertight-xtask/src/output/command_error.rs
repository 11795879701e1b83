use std::error::Error;
use std::fmt;

use anyhow::Result;
use serde_json::json;
use watertight_connection::{
    ConnectError, DatabaseUrlError, DotEnvError, UrlLookupError, WorkspaceError,
};
use watertight_diagnostics::{Diagnostic, ErrorReport, PostgresError, SourceExcerpt};
use watertight_embedded::{DatabaseError, DumpError, EmbeddedError, MaintenanceError};
use watertight_helpers::HelperError;
use watertight_migrations::{LoadError, MigrateError, MigrationFailure, RefusedSql};
use watertight_schema::{CatalogError, DiffError, GenerateError, ParseError, RenameAnswerError};

use crate::output::hint::{Hint as _, Hinted};
use crate::output::terminal;

/// The error of a command as a [`Diagnostic`]: its hint and excerpt are the first in the chain of causes.
#[derive(Debug)]
pub(crate) struct CommandError(anyhow::Error);

impl CommandError {
    /// Returns the error as it is printed.
    pub(crate) fn report(error: anyhow::Error) -> ErrorReport {
        ErrorReport::new(&Self(error))
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.chain().nth(1)
    }
}

impl Diagnostic for CommandError {
    fn hint(&self) -> Option<String> {
        hint(&self.0)
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        excerpt(&self.0)
    }
}

/// Prints an error, and with `--json` a document with it on stdout too.
pub(crate) fn print_error(error: anyhow::Error, json_command: Option<&str>) {
    let report = CommandError::report(error);
    terminal::error(&report);
    if let Some(command) = json_command {
        let document = json!({ "command": command, "error": report.to_json() });
        // If this fails too, the error is on stderr already.
        let _ = terminal::print_json(&document);
    }
}

/// Adds a next step to the hint of a result's error.
pub(crate) trait ThenHint<T> {
    /// Adds what to do after the error is fixed as its own hint describes.
    fn then_hint(self, next: &str) -> Result<T>;
}

impl<T> ThenHint<T> for Result<T> {
    fn then_hint(self, next: &str) -> Result<T> {
        let with_next = |error: &anyhow::Error| match hint(error) {
            Some(hint) => format!("{hint}; then {next}"),
            None => format!("fix this, then {next}"),
        };
        self.or_else(|error| {
            let hint = with_next(&error);
            Err(error).hint(hint)
        })
    }
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<Hinted>() {
            Some(hinted) => Some(hinted.hint().to_owned()),
            None => diagnostic(cause)?.hint(),
        })
}

fn excerpt(error: &anyhow::Error) -> Option<SourceExcerpt> {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<Hinted>() {
            // The wrapped error itself is not one of the causes.
            Some(hinted) => excerpt(hinted.error()),
            None => diagnostic(cause)?.excerpt(),
        })
}

/// Returns an error of a library as it is printed.
pub(crate) fn report(error: &(dyn Error + 'static)) -> ErrorReport {
    match diagnostic(error) {
        Some(diagnostic) => ErrorReport::new(diagnostic),
        None => ErrorReport::from_error(error),
    }
}

/// Returns an error of one of Watertight's libraries as a [`Diagnostic`].
fn diagnostic<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a dyn Diagnostic> {
    macro_rules! one_of {
        ($($known:ty),* $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$known>() {
                return Some(error);
            })*
        };
    }
    one_of!(
        CatalogError,
        ConnectError,
        DatabaseError,
        DatabaseUrlError,
        DiffError,
        DotEnvError,
        DumpError,
        EmbeddedError,
        GenerateError,
        HelperError,
        LoadError,
        MaintenanceError,
        MigrateError,
        MigrationFailure,
        ParseError,
        PostgresError,
        RefusedSql,
        RenameAnswerError,
        UrlLookupError,
        WorkspaceError,
    );
    None
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};
    use insta::assert_snapshot;

    use super::*;
    use crate::output::hint::hinted;

    #[test]
    fn the_outermost_hint_is_printed_after_the_causes() {
        let error: anyhow::Result<()> = Err(hinted("the disk is full", "remove something"));
        let error = error.context("failed to write a").unwrap_err();
        assert_snapshot!(CommandError::report(error), @"
        error: failed to write a: the disk is full
        hint: remove something
        ");
        let error: anyhow::Result<()> = Err(hinted("the disk is full", "remove something"));
        let error = error.context("failed to write a").hint("write b");
        assert_snapshot!(CommandError::report(error.unwrap_err()), @"
        error: failed to write a: the disk is full
        hint: write b
        ");
        let error: anyhow::Result<()> = Err(hinted("the disk is full", "remove something"));
        let error = error.then_hint("run it again");
        assert_snapshot!(CommandError::report(error.unwrap_err()), @"
        error: the disk is full
        hint: remove something; then run it again
        ");
        let error = anyhow!("the disk is full").context("failed to write a");
        assert_snapshot!(CommandError::report(error), @"error: failed to write a: the disk is full");
    }
}
