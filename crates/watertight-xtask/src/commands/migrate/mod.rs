mod dry_run;
mod embedded;
mod progress;
mod redo;
mod revert;
mod run;
mod sessions;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use watertight_metadata::{PluginId, dependency_closure};
use watertight_migrations::{Migrator, PluginMigrations};

use crate::workspace::{Workspace, WorkspacePlugin};

pub(crate) use run::{exit_code, run_pending};

/// Bring the database up to date with the migrations of all plugins.
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
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        None => run::run(&workspace, &arguments.run),
        Some(Command::Status(arguments)) => status::run(&workspace, arguments),
        Some(Command::Revert(arguments)) => revert::run(&workspace, arguments),
        Some(Command::Redo(arguments)) => redo::run(&workspace, arguments),
    }
}

/// A migrator over the migration folders of all plugins of the workspace.
pub(crate) fn migrator(workspace: &Workspace) -> Result<Migrator> {
    migrator_of(workspace, workspace.plugins()?)
}

/// A migrator over the migration folders of these plugins and of those that they depend on; of all, when none is
/// named. What is wrong with others is of no concern.
pub(crate) fn migrator_for(workspace: &Workspace, only: &[PluginId]) -> Result<Migrator> {
    let mut plugins = workspace.plugins()?;
    if !only.is_empty() {
        let dependencies: Vec<_> = plugins
            .iter()
            .map(|plugin| (plugin.id, plugin.dependencies.clone()))
            .collect();
        let wanted = dependency_closure(&dependencies, only);
        plugins.retain(|plugin| wanted.contains(&plugin.id));
    }
    migrator_of(workspace, plugins)
}

fn migrator_of(workspace: &Workspace, plugins: Vec<WorkspacePlugin>) -> Result<Migrator> {
    let plugins = plugins.into_iter().map(|plugin| {
        let migrations = plugin.migrations_folder();
        // Messages name the files as seen from the root, where the command most often runs.
        let shown = match std::env::current_dir() {
            Ok(current) if current == workspace.root() => workspace.relative(&migrations),
            _ => &migrations,
        };
        PluginMigrations::from_folder(plugin.id, plugin.dependencies, shown)
    });
    Ok(Migrator::new(plugins.collect())?)
}

/// The plugins with these ids; an unknown one is an error that suggests another.
fn named(workspace: &Workspace, ids: &[String]) -> Result<Vec<PluginId>> {
    ids.iter().map(|id| Ok(workspace.plugin(id)?.id)).collect()
}
