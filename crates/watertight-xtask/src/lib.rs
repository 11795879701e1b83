//! The commands of `cargo xtask` in a Watertight workspace.
//!
//! A workspace has a package `xtask` whose `main` calls [`main`]. Each command is a file below
//! `src/commands`. Those that write files compute a plan first and then show, print or apply it.

mod apply;
mod cargo_lock;
mod child;
mod cli;
mod commands;
mod edit;
mod migration_version;
mod new_folder;
mod plan;
mod plugin_id_argument;
mod plugin_source;
mod rust_format;
mod schema_file;
mod scratch;
mod table_name;
mod templates;
mod terminal;
mod text_style;
mod timestamp;
mod watertight_source;
mod wiring;
mod words;
mod workspace;

use std::process::ExitCode;

pub use workspace::{Workspace, WorkspacePlugin};

/// Runs the command that the program's arguments name.
///
/// The exit code is 0 when it is done, 1 when it failed, 2 when the arguments are wrong, and 3 when a check
/// found something.
pub fn main() -> ExitCode {
    match cli::Cli::read().run() {
        Ok(code) => code,
        Err(error) => {
            terminal::error(&with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line. The libraries' errors say their cause themselves; it is not said again.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("the disk is full").context("failed to write a: the disk is full");
        assert_eq!(with_causes(&error), "failed to write a: the disk is full");
        let error = anyhow!("the disk is full").context("failed to write a");
        assert_eq!(with_causes(&error), "failed to write a: the disk is full");
    }
}
