use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use watertight_connection::DatabaseUrl;

/// Gives a program the way to the database, in its environment: what is on a command line, everyone on the
/// machine can read.
pub(crate) fn lead_to(url: &DatabaseUrl, command: &mut Command) {
    command.env("DATABASE_URL", url.expose_secret());
    for (name, value) in url.pg_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Runs a program in the foreground and gives its exit code back.
///
/// Ctrl-C is the program's to handle: this process waits for it, so that the database stays up until the
/// program has ended.
pub(crate) fn run(command: &mut Command) -> Result<ExitCode> {
    ctrlc::set_handler(|| {}).context("failed to leave Ctrl-C to the program")?;
    let program = command.get_program().to_os_string();
    let status = command.status().with_context(|| {
        format!(
            "failed to run {}; check that it is installed and on the PATH",
            program.display()
        )
    })?;
    Ok(ExitCode::from(code(status)))
}

/// A program that a signal ended has the code that a shell would give it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
