use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use watertight_connection::DatabaseUrl;

use super::interrupt;
use crate::output::hint::Hint as _;
use crate::workspace::cargo_command::without_cargo_variables;

/// Sets the variables with which a program connects to the database. All users of the machine could read the URL on a
/// command line.
pub(crate) fn connect_to(url: &DatabaseUrl, command: &mut Command) {
    command.env("DATABASE_URL", url.expose_secret());
    for (name, value) in url.pg_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Runs a program in the foreground and returns its exit code.
///
/// Ctrl-C is left to the program. This process waits for it, so that the database stays up until the program has ended.
///
/// # Errors
///
/// When the program cannot be run.
pub(crate) fn run(command: &mut Command) -> Result<ExitCode> {
    interrupt::leave_ctrl_c()?;
    without_cargo_variables(command);
    let program = command.get_program().to_os_string();
    let status = command
        .status()
        .with_context(|| format!("failed to run {}", program.display()))
        .hint("check that it is installed and in the PATH")?;
    Ok(ExitCode::from(code(status)))
}

/// Returns the exit code, or for a signal the code that a shell reports.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
