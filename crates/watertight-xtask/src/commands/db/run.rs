use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::database::child_process;
use crate::workspace::Workspace;

/// Run a program with DATABASE_URL set.
///
/// The embedded database stays up while the program runs. With `--plugin`, the search path is the plugin's schema, and
/// the `diesel` command uses the plugin's migrations and history.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask db run -- pg_dump --file dump.sql
  cargo xtask db run --plugin catalog -- diesel migration list")]
pub(crate) struct Arguments {
    /// Plugin whose schema is the search path.
    #[arg(long, value_name = "ID")]
    plugin: Option<String>,
    /// Program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let plugin = match &arguments.plugin {
        Some(id) => Some(workspace.plugin(id)?),
        None => None,
    };
    let database = workspace.database()?;
    let mut command = Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]);
    match plugin {
        None => child_process::connect_to(database.url(), &mut command),
        Some(plugin) => {
            let url = database.url().with_search_path(plugin.id.schema_name());
            child_process::connect_to(&url, &mut command);
            // The `diesel` command finds these from every folder.
            command
                .env("MIGRATION_DIRECTORY", plugin.folder.join("migrations"))
                .env("DIESEL_CONFIG_FILE", plugin.folder.join("diesel.toml"));
        }
    }
    child_process::run(&mut command)
}
