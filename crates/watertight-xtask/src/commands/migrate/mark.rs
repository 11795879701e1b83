use anyhow::{Result, anyhow};
use clap::Args;
use watertight_diagnostics::ExitCode;
use watertight_migrations::migration_version;

use crate::database::migration_folders::migrator_for;
use crate::output::confirmation::confirm;
use crate::output::hint::{Hint as _, argument};
use crate::output::terminal;
use crate::workspace::Workspace;

/// Record a migration as applied or as pending, without running any SQL.
///
/// For what only a person can know, for example that a migration was applied by hand.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask migrate mark --applied catalog/2026-01-02-000000_add_price
  cargo xtask migrate mark --pending catalog/20260102000000")]
pub(crate) struct Arguments {
    #[command(flatten)]
    mark: Mark,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Mark {
    /// Migration to record as applied.
    #[arg(long, value_name = "PLUGIN/VERSION", value_parser = argument(parse))]
    applied: Option<PluginVersion>,
    /// Migration to remove from the history.
    #[arg(long, value_name = "PLUGIN/VERSION", value_parser = argument(parse))]
    pending: Option<PluginVersion>,
}

/// A plugin's id and a version, which may be given as the name of the migration's folder.
#[derive(Clone)]
struct PluginVersion {
    plugin: String,
    version: String,
}

fn parse(argument: &str) -> Result<PluginVersion> {
    let (plugin, name) = argument
        .trim_end_matches('/')
        .split_once('/')
        .ok_or_else(|| anyhow!("`{argument}` has no `/`"))
        .hint(
            "write the plugin's id and the migration's version, such as `catalog/20260102000000`",
        )?;
    Ok(PluginVersion {
        plugin: plugin.to_owned(),
        version: migration_version(name),
    })
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let (mark, state) = match (&arguments.mark.applied, &arguments.mark.pending) {
        (Some(mark), _) => (mark, "applied"),
        // clap requires one of the two.
        (None, pending) => (pending.as_ref().expect("one is required"), "pending"),
    };
    let plugin = workspace.plugin(&mark.plugin)?.id;
    let version = mark.version.as_str();
    let migrator = migrator_for(workspace, &[plugin])?;
    let database = workspace.database()?;
    if !arguments.yes {
        let what = format!("version {version} of plugin `{plugin}` as {state}");
        confirm(
            &format!(
                "Record {what} in {}, without running any SQL?",
                database.url()
            ),
            &format!("record {what}"),
        )?;
    }
    let connection = &mut database.url().connect_session()?;
    let changed = if state == "applied" {
        migrator.mark_applied(connection, &plugin, version)?
    } else {
        migrator.mark_pending(connection, &plugin, version)?
    };
    terminal::print(&if changed {
        format!("Recorded version {version} of plugin `{plugin}` as {state}.\n")
    } else {
        format!("Nothing to do: version {version} of plugin `{plugin}` is already {state}.\n")
    })?;
    Ok(ExitCode::Success)
}
