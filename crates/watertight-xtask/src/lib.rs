//! The commands of `cargo xtask` in a Watertight workspace.
//!
//! A workspace has a package `xtask` whose `main` calls [`main`]. Each command is a file below
//! `src/commands`. Those that write files compute a plan first and then show, print or apply it.

mod apply;
mod cargo_lock;
mod cli;
mod commands;
mod edit;
mod plan;
mod plugin_source;
mod rust_format;
mod table_name;
mod templates;
mod terminal;
mod text_style;
mod timestamp;
mod wiring;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

pub use workspace::{Workspace, WorkspacePlugin};

/// Runs the command that the program's arguments name.
///
/// The exit code is 0 when it is done, 1 when it failed, 2 when the arguments are wrong, and 3 when a check
/// found something.
pub fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            terminal::remark(&format!("\x1b[1;31merror\x1b[0m: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
