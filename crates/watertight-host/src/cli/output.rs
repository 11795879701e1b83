use std::io::{self, Write};

use serde_json::{Value, json};
use watertight_diagnostics::ErrorReport;

use crate::cli::cli_error::CliError;

/// Prints to stdout.
///
/// # Errors
///
/// Returns an error if stdout cannot be written, for example because the disk is full. A closed pipe is not an error: its
/// reader has read all it wanted.
pub(super) fn print(output: &str) -> Result<(), CliError> {
    write(&mut io::stdout().lock(), output).map_err(CliError::Output)
}

/// Prints a JSON document to stdout.
///
/// # Errors
///
/// As [`print`].
pub(super) fn print_json(document: &Value) -> Result<(), CliError> {
    print(&format!("{document:#}\n"))
}

/// Prints the JSON document of a command that failed.
///
/// # Errors
///
/// As [`print`].
pub(super) fn print_failure(command: &str, report: &ErrorReport) -> Result<(), CliError> {
    print_json(&json!({ "command": command, "error": report.to_json() }))
}

/// Prints an error to stderr.
pub(super) fn print_error(report: &ErrorReport) {
    print_status(&report.styled());
}

/// Prints a line to stderr. Failures are ignored: there is no other place to report them.
pub(super) fn print_status(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn write(out: &mut impl Write, output: &str) -> io::Result<()> {
    let written = out.write_all(output.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
        write(&mut Broken(io::ErrorKind::BrokenPipe), "a").unwrap();
        let error = write(&mut Broken(io::ErrorKind::StorageFull), "a").unwrap_err();
        let report = ErrorReport::new(&CliError::Output(error));
        insta::assert_snapshot!(report, @"error: failed to write the output: no storage space");
    }
}
