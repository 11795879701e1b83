use anyhow::Result;
use clap::Args;
use serde_json::json;
use watertight_diagnostics::ExitCode;
use watertight_schema::{CatalogConnection, DatabaseTables};

use crate::database::migration_folders::migrator_for;
use crate::database::scratch::ScratchServer;
use crate::generator::apply;
use crate::generator::file_plan::FilePlan;
use crate::generator::schema_refresh::{plan_schema_file, print_left_out};
use crate::output::{styles, terminal};
use crate::workspace::schema_file::SchemaFile;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Write the schema.rs of plugins from their migrations.
///
/// The migrations run in a scratch database, which is dropped afterwards.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask schema
  cargo xtask schema catalog --check")]
pub(crate) struct Arguments {
    /// Plugin ids [default: all plugins].
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Write nothing; show the differences and exit with 3 if a file is outdated.
    #[arg(long)]
    check: bool,
    /// Read the workspace's database instead of a scratch database.
    #[arg(long)]
    from_database: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let _lock = if arguments.check {
        None
    } else {
        Some(apply::lock(workspace.root())?)
    };
    let plugins = workspace.named_or_all(&arguments.plugins)?;
    let plan = if arguments.from_database {
        let database = workspace.database()?;
        plan(&workspace, &plugins, &mut database.url().connect_session()?)?
    } else {
        let ids: Vec<_> = plugins.iter().map(|plugin| plugin.id).collect();
        let migrator = migrator_for(&workspace, &ids)?;
        let mut scratch = ScratchServer::find(&workspace)?.create()?;
        scratch.migrate(&migrator, &ids)?;
        plan(&workspace, &plugins, &mut scratch.connection)?
    };
    if !arguments.check && !plan.is_empty() {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report(arguments, &plan)?;
    Ok(if arguments.check && !plan.is_empty() {
        ExitCode::CheckFailed
    } else {
        ExitCode::Success
    })
}

fn plan<C: CatalogConnection>(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    connection: &mut C,
) -> Result<FilePlan> {
    let mut plan = FilePlan::default();
    for plugin in plugins {
        let tables = DatabaseTables::read(connection, plugin.id.schema_name())?;
        let file = SchemaFile::read(workspace.root(), plugin)?;
        print_left_out(&file, tables.without_primary_key.iter());
        plan_schema_file(workspace, file, &tables, &mut plan)?;
    }
    Ok(plan)
}

fn report(arguments: &Arguments, plan: &FilePlan) -> Result<()> {
    let status = match (plan.is_empty(), arguments.check) {
        (true, _) => "unchanged",
        (false, true) => "stale",
        (false, false) => "written",
    };
    if arguments.json {
        terminal::print_json(
            &json!({ "command": "schema", "status": status, "files": plan.to_json() }),
        )
    } else if plan.is_empty() {
        terminal::print("Nothing to do: all schema.rs files are up to date.\n")
    } else if arguments.check {
        terminal::print(&format!(
            "Outdated; run `cargo xtask schema`:\n{}{}",
            plan.list(),
            styles::styled_diff(&plan.diffs())
        ))
    } else {
        terminal::print(&format!("Wrote:\n{}", plan.list()))
    }
}
