use std::io::{self, ErrorKind, Write};

use anstyle::AnsiColor;
use anyhow::{Context, Result};
use serde_json::Value;
use watertight_diagnostics::{Diagnostic, ErrorReport};

use crate::output::hint::Hint as _;
use crate::output::styles::styled;

/// Prints a command's result to stdout, without colours where that is not a terminal.
///
/// # Errors
///
/// When the output cannot be written. A reader that has closed its pipe, such as `head`, is not an error.
pub(crate) fn print(result: &str) -> Result<()> {
    check_written(write_flushed(&mut anstream::stdout(), result.as_bytes()))
}

/// Prints a command's result to stdout byte by byte.
///
/// # Errors
///
/// As [`print`].
pub(crate) fn print_bytes(result: &[u8]) -> Result<()> {
    check_written(write_flushed(&mut io::stdout(), result))
}

/// Prints a JSON document to stdout.
///
/// # Errors
///
/// As [`print`].
pub(crate) fn print_json(document: &Value) -> Result<()> {
    print(&format!("{document:#}\n"))
}

/// Prints a line about the progress of a command to stderr.
pub(crate) fn status(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints an error to stderr.
pub(crate) fn error(report: &ErrorReport) {
    status(&report.styled());
}

/// Prints a warning to stderr, with its hint.
pub(crate) fn warning(warning: &impl Diagnostic) {
    let bold = |colour: AnsiColor| colour.on_default().bold();
    let label = styled(bold(AnsiColor::Yellow), "warning");
    status(&format!("{label}: {warning}"));
    if let Some(hint) = warning.hint() {
        let label = styled(bold(AnsiColor::BrightCyan), "hint");
        status(&format!("{label}: {hint}"));
    }
}

fn write_flushed(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Ignores that a pipe was closed.
///
/// # Errors
///
/// When the output could not be written for another reason.
pub(crate) fn check_written(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error)
            .context("failed to write the output")
            .hint("make room where the output goes, and run the command again"),
        _ => Ok(()),
    }
}
