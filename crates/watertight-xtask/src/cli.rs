use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    db, dev, generate, migrate, new_migration, new_plugin, new_workspace, schema, vendor, verify,
};
use crate::generator::watertight_source::VENDORED;
use crate::workspace::Workspace;

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
    Generate(generate::Arguments),
    Migrate(migrate::Arguments),
    Schema(schema::Arguments),
    Verify(verify::Arguments),
    Dev(dev::Arguments),
    Db(db::Arguments),
    NewWorkspace(new_workspace::Arguments),
    Vendor(vendor::Arguments),
}

impl Cli {
    /// Reads the program's arguments. Help shows the commands that this workspace has a use for.
    pub(crate) fn read() -> Self {
        let workspace = Workspace::find().ok();
        let has = |is_so: fn(&Workspace) -> bool| workspace.as_ref().is_some_and(is_so);
        let has_template = has(|workspace| workspace.template_folder().is_some());
        let has_copy = has(|workspace| workspace.root().join(VENDORED).is_dir());
        let matches = Self::command()
            .mut_subcommand("new-workspace", |command| command.hide(!has_template))
            .mut_subcommand("vendor", |command| command.hide(!has_copy))
            .get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::NewPlugin(arguments) => new_plugin::run(&arguments),
            Command::NewMigration(arguments) => new_migration::run(&arguments),
            Command::Generate(arguments) => generate::run(&arguments),
            Command::Schema(arguments) => schema::run(&arguments),
            Command::Verify(arguments) => verify::run(&arguments),
            Command::Migrate(arguments) => migrate::run(&arguments),
            Command::Dev(arguments) => dev::run(&arguments),
            Command::Db(arguments) => db::run(&arguments),
            Command::NewWorkspace(arguments) => new_workspace::run(&arguments),
            Command::Vendor(arguments) => vendor::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }
}
