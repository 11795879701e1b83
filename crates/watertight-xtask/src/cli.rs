use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    db, dev, generate, migrate, new_migration, new_plugin, new_workspace, schema, vendor, verify,
};
use crate::generator::vendored_copy::VENDORED;
use crate::workspace::Workspace;

/// Develop a Watertight workspace.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version = concat!(env!("CARGO_PKG_VERSION"), " (watertight-xtask)"),
    max_term_width = 100
)]
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
    /// Parses arguments, without the name of the program. The help hides commands that this workspace cannot use.
    ///
    /// # Errors
    ///
    /// When they are not valid, or ask for help or the version.
    pub(crate) fn parse_from(
        arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let program = OsString::from("cargo xtask");
        let arguments: Vec<OsString> = std::iter::once(program).chain(arguments).collect();
        match Self::try_parse_from(&arguments) {
            Err(error) if is_help(error.kind()) => {
                let matches = Self::command_of_workspace().try_get_matches_from(arguments)?;
                Self::from_arg_matches(&matches)
            }
            parsed => parsed,
        }
    }

    /// Returns the commands without those that the current workspace cannot use.
    fn command_of_workspace() -> clap::Command {
        let workspace = Workspace::find().ok();
        let has = |test: fn(&Workspace) -> bool| workspace.as_ref().is_some_and(test);
        let has_template = has(|workspace| workspace.template_folder().is_some());
        let has_copy = has(|workspace| workspace.root().join(VENDORED).is_dir());
        Self::command()
            .mut_subcommand("new-workspace", |command| command.hide(!has_template))
            .mut_subcommand("vendor", |command| command.hide(!has_copy))
    }

    /// Returns the name of the command if its result, or its error, is to be printed as JSON.
    pub(crate) fn json_command(&self) -> Option<&'static str> {
        let (name, json) = match &self.command {
            Command::NewPlugin(arguments) => ("new-plugin", arguments.json),
            Command::NewMigration(arguments) => ("new-migration", arguments.json),
            Command::Generate(arguments) => ("generate", arguments.json),
            Command::Migrate(arguments) => ("migrate", arguments.json()),
            Command::Schema(arguments) => ("schema", arguments.json),
            Command::Verify(arguments) => ("verify", arguments.json),
            Command::Db(arguments) => ("db", arguments.json()),
            Command::Dev(_) | Command::NewWorkspace(_) | Command::Vendor(_) => return None,
        };
        json.then_some(name)
    }

    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let code = match &self.command {
            Command::Migrate(arguments) => return migrate::run(arguments),
            Command::Dev(arguments) => return dev::run(arguments),
            Command::Db(arguments) => return db::run(arguments),
            Command::NewPlugin(arguments) => new_plugin::run(arguments)?,
            Command::NewMigration(arguments) => new_migration::run(arguments)?,
            Command::Generate(arguments) => generate::run(arguments)?,
            Command::Schema(arguments) => schema::run(arguments)?,
            Command::Verify(arguments) => verify::run(arguments)?,
            Command::NewWorkspace(arguments) => new_workspace::run(arguments)?,
            Command::Vendor(arguments) => vendor::run(arguments)?,
        };
        Ok(code.into())
    }
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
