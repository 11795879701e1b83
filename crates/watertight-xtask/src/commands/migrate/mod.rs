mod dry_run;
mod embedded;
mod mark;
mod redo;
mod repair;
mod revert;
mod run;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::workspace::Workspace;

/// Run the pending migrations of all plugins.
///
/// The migrations are read from the plugins' folders: nothing is compiled.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cargo xtask migrate
  cargo xtask migrate --plugin catalog --dry-run
  cargo xtask migrate status
  cargo xtask migrate revert --plugin catalog --steps 2"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Arguments,
}

#[derive(Subcommand)]
enum Command {
    Status(status::Arguments),
    Revert(revert::Arguments),
    Redo(redo::Arguments),
    Repair(repair::Arguments),
    Mark(mark::Arguments),
}

impl Arguments {
    /// Returns whether the result is to be printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            None => self.run.json,
            Some(Command::Status(arguments)) => arguments.json,
            Some(Command::Repair(arguments)) => arguments.json,
            Some(Command::Revert(_) | Command::Redo(_) | Command::Mark(_)) => false,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        None => run::run(&workspace, &arguments.run),
        Some(Command::Status(arguments)) => Ok(status::run(&workspace, arguments)?.into()),
        Some(Command::Revert(arguments)) => Ok(revert::run(&workspace, arguments)?.into()),
        Some(Command::Redo(arguments)) => Ok(redo::run(&workspace, arguments)?.into()),
        Some(Command::Repair(arguments)) => Ok(repair::run(&workspace, arguments)?.into()),
        Some(Command::Mark(arguments)) => Ok(mark::run(&workspace, arguments)?.into()),
    }
}
