mod create;
mod dump;
mod psql;
mod reset;
mod run;
mod status;
mod stop;
mod url;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::workspace::Workspace;

/// Manage the workspace's database.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(create::Arguments),
    Run(run::Arguments),
    Url(url::Arguments),
    Psql(psql::Arguments),
    Dump(dump::Arguments),
    Reset(reset::Arguments),
    Stop(stop::Arguments),
    Status(status::Arguments),
}

impl Arguments {
    /// Returns whether the result is to be printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Command::Create(arguments) => arguments.json,
            Command::Status(arguments) => arguments.json,
            _ => false,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        Command::Create(arguments) => Ok(create::run(&workspace, arguments)?.into()),
        Command::Run(arguments) => run::run(&workspace, arguments),
        Command::Url(arguments) => Ok(url::run(&workspace, arguments)?.into()),
        Command::Psql(arguments) => psql::run(&workspace, arguments),
        Command::Dump(arguments) => dump::run(&workspace, arguments),
        Command::Reset(arguments) => Ok(reset::run(&workspace, arguments)?.into()),
        Command::Stop(arguments) => Ok(stop::run(&workspace, arguments)?.into()),
        Command::Status(arguments) => Ok(status::run(&workspace, arguments)?.into()),
    }
}
