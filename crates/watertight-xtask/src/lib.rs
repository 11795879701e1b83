//! The commands of `cargo xtask` in a Watertight workspace.
//!
//! A workspace has a package `xtask` whose `main` calls [`main`]. A program with commands of its own calls [`run`] with
//! the arguments that are meant for Watertight:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     let mut arguments = std::env::args_os().skip(1).peekable();
//!     if arguments.next_if(|argument| argument == "watertight").is_some() {
//!         return watertight_xtask::run(arguments);
//!     }
//!     // The commands of its own.
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! `src/commands` has a file per command, which parses the arguments and prints the result. Files are changed by
//! `src/generator`: it computes a plan, which is shown or applied.

mod cli;
mod commands;
mod database;
mod generator;
mod output;
mod workspace;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process;

use cli::Cli;
use output::command_error::print_error;
use output::{drift_diff, terminal};
use watertight_diagnostics::ExitCode;
use watertight_migrations::MigrateError;

pub use workspace::{Workspace, WorkspacePlugin};

/// Runs the command in the program's arguments and returns its exit code.
///
/// The exit codes are those of [`ExitCode`]. A command that runs a program returns the code of that program.
pub fn main() -> process::ExitCode {
    run(std::env::args_os().skip(1))
}

/// Runs the command in `arguments`, which do not include the name of the program, and returns its exit code as [`main`]
/// does.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> process::ExitCode {
    let cli = match Cli::parse_from(arguments.into_iter()) {
        Ok(cli) => cli,
        Err(error) => return print_usage(&error).into(),
    };
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            drift_diff::print(&error);
            let code = exit_code(&error);
            print_error(error, cli.json_command());
            code.into()
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let cause = error.chain().find_map(|cause| cause.downcast_ref());
    if cause.is_some_and(MigrateError::is_interrupted) {
        ExitCode::Interrupted
    } else {
        ExitCode::Failure
    }
}

/// Prints clap's message: the help, the version or an error in the arguments.
fn print_usage(message: &clap::Error) -> ExitCode {
    let printed = message.print().and_then(|()| io::stdout().flush());
    if message.use_stderr() {
        return ExitCode::Usage;
    }
    match terminal::check_written(printed) {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            print_error(error, None);
            ExitCode::Failure
        }
    }
}
