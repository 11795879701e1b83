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

/// Use the workspace's database: run programs on it, look into it, start it afresh.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Url(url::Arguments),
    Psql(psql::Arguments),
    Dump(dump::Arguments),
    Reset(reset::Arguments),
    Stop(stop::Arguments),
    Status(status::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        Command::Run(arguments) => run::run(&workspace, arguments),
        Command::Url(arguments) => url::run(&workspace, arguments),
        Command::Psql(arguments) => psql::run(&workspace, arguments),
        Command::Dump(arguments) => dump::run(&workspace, arguments),
        Command::Reset(arguments) => reset::run(&workspace, arguments),
        Command::Stop(arguments) => stop::run(&workspace, arguments),
        Command::Status(arguments) => status::run(&workspace, arguments),
    }
}
