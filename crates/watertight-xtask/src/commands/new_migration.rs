use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use watertight_diagnostics::ExitCode;

use crate::generator::file_plan::{FilePlan, NewFile};
use crate::generator::timestamp::Timestamp;
use crate::generator::{apply, migration_name, next_version, templates};
use crate::output::hint::argument;
use crate::output::terminal;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Create an empty migration for a plugin.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-migration orders add_price
  cargo xtask new-migration orders index_price --no-transaction")]
pub(crate) struct Arguments {
    /// Plugin id.
    plugin: String,
    /// Migration name, such as `add_price`.
    #[arg(value_parser = argument(migration_name::parse))]
    name: String,
    /// Run the migration outside a transaction, as `CREATE INDEX CONCURRENTLY` requires.
    #[arg(long)]
    no_transaction: bool,
    /// Show the files without writing them.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Time of the version.
    #[arg(long, hide = true, value_parser = Timestamp::parse)]
    timestamp: Option<Timestamp>,
}

/// The values that the templates of a migration can use.
#[derive(Serialize)]
struct Values<'a> {
    id: &'a str,
    schema: &'a str,
    name: &'a str,
    transaction: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let _lock = if arguments.dry_run {
        None
    } else {
        Some(apply::lock(workspace.root())?)
    };
    let plugin = workspace.plugin(&arguments.plugin)?;
    let version = next_version::next(&workspace, &plugin, arguments.timestamp)?;
    let plan = plan(&workspace, &plugin, arguments, &version)?;
    if !arguments.dry_run {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report(arguments, &plugin, &version, &plan)?;
    Ok(ExitCode::Success)
}

fn plan(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    arguments: &Arguments,
    version: &str,
) -> Result<FilePlan> {
    let values = Values {
        id: plugin.id.as_str(),
        schema: plugin.id.schema_name(),
        name: &arguments.name,
        transaction: !arguments.no_transaction,
    };
    let overrides = workspace.root().join(workspace.templates_folder());
    let mut files = templates::render("migration", &overrides, &values)?;
    if arguments.no_transaction {
        files.push(NewFile {
            path: "metadata.toml".into(),
            contents: "run_in_transaction = false\n".to_owned(),
        });
    }
    let folder = workspace
        .relative(&plugin.migrations_folder())
        .join(format!("{version}_{}", arguments.name));
    Ok(FilePlan::create_folder(folder, files))
}

fn report(
    arguments: &Arguments,
    plugin: &WorkspacePlugin,
    version: &str,
    plan: &FilePlan,
) -> Result<()> {
    let id = plugin.id;
    if arguments.json {
        terminal::print_json(&json!({
            "command": "new-migration",
            "status": if arguments.dry_run { "planned" } else { "written" },
            "plugin": id.as_str(),
            "version": version.replace('-', ""),
            "files": plan.to_json(),
        }))
    } else if arguments.dry_run {
        terminal::print(&format!(
            "Would write a migration of plugin `{id}`:\n{}",
            plan.list()
        ))
    } else {
        terminal::print(&format!(
            "Wrote a migration of plugin `{id}`:\n{}\nNext:\n  \
             write the SQL into up.sql, and the SQL that reverts it into down.sql\n  \
             cargo xtask migrate --plugin {id}\n",
            plan.list()
        ))
    }
}
