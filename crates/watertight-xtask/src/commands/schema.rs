use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use watertight_schema::{DatabaseTables, PgSession};

use crate::apply;
use crate::commands::migrate;
use crate::plan::Plan;
use crate::schema_file::SchemaFile;
use crate::scratch::ScratchServer;
use crate::terminal;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Write the schema.rs of plugins from what their migrations make.
///
/// The migrations run in a scratch database, which is dropped afterwards.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask schema
  cargo xtask schema catalog --check")]
pub(crate) struct Arguments {
    /// The plugins' ids. Without one, all plugins.
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Write nothing; exit with 3 and show the difference when a file is stale.
    #[arg(long)]
    check: bool,
    /// Read the database as it is, with whatever was done to it, not a scratch database.
    #[arg(long)]
    from_database: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
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
        plan(&workspace, &plugins, &mut database.url().connect()?)?
    } else {
        let ids: Vec<_> = plugins.iter().map(|plugin| plugin.id).collect();
        let migrator = migrate::migrator_for(&workspace, &ids)?;
        let mut scratch = ScratchServer::find(&workspace)?.create()?;
        scratch.migrate(&migrator, &ids)?;
        plan(&workspace, &plugins, &mut scratch.connection)?
    };
    if !arguments.check && !plan.is_empty() {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report(arguments, &plan);
    Ok(if arguments.check && !plan.is_empty() {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
}

fn plan<C: PgSession>(
    workspace: &Workspace,
    plugins: &[WorkspacePlugin],
    connection: &mut C,
) -> Result<Plan> {
    let mut plan = Plan::default();
    for plugin in plugins {
        let tables = DatabaseTables::read(connection, plugin.id.schema_name())?;
        let file = SchemaFile::read(workspace, plugin)?;
        file.tell_left_out(tables.without_primary_key.iter());
        file.plan(workspace, &tables, &mut plan)?;
    }
    Ok(plan)
}

fn report(arguments: &Arguments, plan: &Plan) {
    let status = match (plan.is_empty(), arguments.check) {
        (true, _) => "unchanged",
        (false, true) => "stale",
        (false, false) => "written",
    };
    if arguments.json {
        let document = json!({ "command": "schema", "status": status, "files": plan.json() });
        terminal::result(&format!("{document:#}\n"));
    } else if plan.is_empty() {
        terminal::result("Nothing to do: every schema.rs is as the tables are.\n");
    } else if arguments.check {
        terminal::result(&format!(
            "Stale; run `cargo xtask schema`:\n{}{}",
            plan.list(),
            terminal::coloured(&plan.diffs())
        ));
    } else {
        terminal::result(&format!("Wrote:\n{}", plan.list()));
    }
}
