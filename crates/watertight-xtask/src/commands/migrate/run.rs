use std::num::NonZeroUsize;
use std::process;

use anyhow::Result;
use clap::Args;
use watertight_metadata::PluginId;

use crate::commands::migrate::{dry_run, embedded};
use crate::database::lock_timeout::LockTimeoutArguments;
use crate::database::migration_folders::migrator_for;
use crate::database::migration_run::{exit_code, run_and_refresh, run_pending};
use crate::database::wait::WaitArguments;
use crate::output::{source_warnings, terminal};
use crate::workspace::Workspace;

#[derive(Args)]
#[group(skip)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Plugin to migrate, with its dependencies (repeatable) [default: all plugins].
    #[arg(long, value_name = "ID")]
    plugin: Vec<String>,
    /// Print a script for psql that does the same, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Run the migrations embedded in the server's binary, with its `migrate` command.
    #[arg(long, conflicts_with_all = ["plugin", "dry_run"])]
    embedded: bool,
    /// Most connections to migrate over, each with one plugin at a time [default: 4].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Do not rewrite the plugins' schema.rs.
    #[arg(long)]
    no_schema: bool,
    #[command(flatten)]
    wait: WaitArguments,
    #[command(flatten)]
    lock_timeout: LockTimeoutArguments,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<process::ExitCode> {
    if arguments.embedded {
        let database = arguments.wait.database(workspace)?;
        return embedded::run(
            workspace,
            &database,
            arguments.json,
            arguments.jobs,
            arguments.lock_timeout.lock_timeout,
        );
    }
    let only = ids(workspace, &arguments.plugin)?;
    let migrator = migrator_for(workspace, &only)?;
    let mut migrator = arguments.lock_timeout.apply(migrator);
    if let Some(jobs) = arguments.jobs {
        migrator = migrator.jobs(jobs);
    }
    source_warnings::print(&migrator);
    let warnings: Vec<_> = migrator.warnings().map(source_warnings::to_json).collect();
    let database = arguments.wait.database(workspace)?;
    if arguments.dry_run {
        return Ok(dry_run::run(&migrator, &database, &only, arguments.json)?.into());
    }
    let report = if arguments.no_schema {
        run_pending(migrator, &database, &only)?
    } else {
        run_and_refresh(workspace, migrator, &database, &only)?
    };
    if arguments.json {
        let mut document = report.to_json();
        document["warnings"] = warnings.into();
        terminal::print_json(&document)?;
    } else {
        terminal::print(&format!("{report}\n"))?;
    }
    Ok(exit_code(&report).into())
}

/// Returns the ids of the named plugins.
fn ids(workspace: &Workspace, names: &[String]) -> Result<Vec<PluginId>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let plugins = workspace.named_or_all(names)?;
    Ok(plugins.into_iter().map(|plugin| plugin.id).collect())
}
