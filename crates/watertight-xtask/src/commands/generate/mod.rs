mod arguments;
mod check;
mod found;
mod generated_name;
mod questions;
mod report;

use anyhow::{Result, bail};
use watertight_diagnostics::ExitCode;
use watertight_schema::GeneratedMigration;

pub(crate) use arguments::Arguments;
use found::Found;

use crate::database::scratch::ScratchServer;
use crate::generator::file_plan::{FilePlan, NewFile};
use crate::generator::{apply, next_version};
use crate::output::hint::hinted;
use crate::workspace::{Workspace, WorkspacePlugin};

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    if arguments.check {
        return check::run(&workspace, arguments);
    }
    let _lock = if arguments.dry_run {
        None
    } else {
        Some(apply::lock(workspace.root())?)
    };
    // clap requires a plugin without `--check`.
    let plugin = workspace.plugin(arguments.plugin.as_deref().unwrap_or_default())?;
    let found = Found::of(
        &workspace,
        &plugin,
        &ScratchServer::find(&workspace)?,
        arguments,
    )?;
    let migration = match found {
        Found::Nothing => {
            report::unchanged(arguments, &plugin)?;
            return Ok(ExitCode::Success);
        }
        Found::Questions(questions) => bail!(hinted(
            questions::unanswered(&questions),
            questions::answers(&questions)
        )),
        Found::Migration(migration) => migration,
    };
    if !migration.losses.is_empty() && !arguments.allow_data_loss {
        report::refused(arguments, &plugin, &migration)?;
        return Ok(ExitCode::CheckFailed);
    }
    let version = next_version::next(&workspace, &plugin, arguments.timestamp)?;
    let plan = plan(&workspace, &plugin, arguments, &version, &migration);
    if !arguments.dry_run {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report::written(arguments, &plugin, &version, &migration, &plan)?;
    Ok(ExitCode::Success)
}

fn plan(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    arguments: &Arguments,
    version: &str,
    migration: &GeneratedMigration,
) -> FilePlan {
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| generated_name::of(&migration.changes));
    let file = |path: &str, sql: &str| NewFile {
        path: path.into(),
        contents: sql.to_owned(),
    };
    let folder = workspace
        .relative(&plugin.migrations_folder())
        .join(format!("{version}_{name}"));
    FilePlan::create_folder(
        folder,
        vec![
            file("down.sql", &migration.down),
            file("up.sql", &migration.up),
        ],
    )
}
