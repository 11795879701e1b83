use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::{db, migrate, new_migration, new_plugin};

/// Grow a Watertight workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    NewPlugin(new_plugin::Arguments),
    NewMigration(new_migration::Arguments),
    Migrate(migrate::Arguments),
    Db(db::Arguments),
}

impl Cli {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::NewPlugin(arguments) => new_plugin::run(&arguments),
            Command::NewMigration(arguments) => new_migration::run(&arguments),
            Command::Migrate(arguments) => migrate::run(&arguments),
            Command::Db(arguments) => db::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }
}
