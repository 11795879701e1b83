use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use watertight_connection::workspace_root;
use watertight_diagnostics::ExitCode;
use watertight_metadata::PluginId;
use watertight_migrations::RunReport;

use crate::database::migration_run;
use crate::generator::file_plan::FilePlan;
use crate::generator::plugin_plan::{DEFAULT_TABLE, NewPlugin};
use crate::generator::table_name::TableName;
use crate::generator::timestamp::Timestamp;
use crate::output::command_error::ThenHint as _;
use crate::output::hint::{argument, hinted, plugin_id};
use crate::output::{styles, terminal};
use crate::workspace::Workspace;

/// Create a plugin and add it to the workspace and its server.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-plugin my-feature --migrate
  cargo xtask new-plugin orders --table order_lines --description \"Orders and their lines\"
  cargo xtask new-plugin orders --dry-run")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Plugin id, in kebab-case, such as `my-feature`.
    #[arg(value_parser = argument(plugin_id))]
    id: PluginId,
    /// Purpose of the plugin, in one line.
    #[arg(long, value_name = "TEXT", value_parser = argument(one_line))]
    description: Option<String>,
    /// Name of the example table.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_TABLE, value_parser = argument(TableName::parse))]
    table: TableName,
    /// Create tables only, without permissions, routes and their test.
    #[arg(long)]
    no_server: bool,
    /// Migrate the database afterwards, with the migrations of all plugins.
    #[arg(long, conflicts_with = "dry_run")]
    migrate: bool,
    /// Show the files without writing them.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Version of the first migration.
    #[arg(long, hide = true, value_parser = Timestamp::parse)]
    timestamp: Option<Timestamp>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let plugin = NewPlugin {
        id: arguments.id,
        description: arguments.description.clone(),
        table: arguments.table.clone(),
        has_routes: !arguments.no_server,
        timestamp: arguments.timestamp,
    };
    let (workspace, plan) = if arguments.dry_run {
        let workspace = Workspace::find()?;
        let plan = plugin.plan(&workspace)?;
        (workspace, plan)
    } else {
        plugin.write(&workspace_root()?)?
    };
    if !arguments.migrate {
        report(&workspace, arguments, &plan, None)?;
        return Ok(ExitCode::Success);
    }
    if !arguments.json {
        report(&workspace, arguments, &plan, None)?;
    }
    let migrated = migration_run::run_all(&workspace)
        .with_context(|| {
            format!(
                "failed to migrate after plugin `{}` was written",
                arguments.id
            )
        })
        .then_hint("run `cargo xtask migrate`")?;
    if arguments.json {
        report(&workspace, arguments, &plan, Some(&migrated))?;
    } else {
        terminal::print(&format!("{migrated}\n"))?;
    }
    Ok(migration_run::exit_code(&migrated))
}

/// Parses a description: white space, including line ends, becomes one space.
fn one_line(description: &str) -> Result<String> {
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(
        !line.chars().any(char::is_control),
        hinted(
            format!("the description {description:?} has a control character"),
            "remove it"
        )
    );
    ensure!(
        !line.is_empty(),
        hinted("the description is empty", "leave `--description` out")
    );
    Ok(line)
}

fn report(
    workspace: &Workspace,
    arguments: &Arguments,
    plan: &FilePlan,
    migrated: Option<&RunReport>,
) -> Result<()> {
    let id = arguments.id;
    let folder = workspace.plugins_folder().join(id.as_str());
    if arguments.json {
        let status = match (plan.is_empty(), arguments.dry_run) {
            (true, _) => "nothing-to-do",
            (false, true) => "planned",
            (false, false) => "written",
        };
        return terminal::print_json(&json!({
            "command": "new-plugin",
            "status": status,
            "plugin": id.as_str(),
            "schema": id.schema_name(),
            "folder": folder.display().to_string(),
            "files": plan.to_json(),
            "notes": plan.notes,
            "migrated": migrated.map(RunReport::to_json),
        }));
    }
    for note in &plan.notes {
        terminal::status(note);
    }
    if plan.is_empty() {
        terminal::print(&format!(
            "Nothing to do: plugin `{id}` exists in {}.\n",
            folder.display()
        ))
    } else if arguments.dry_run {
        terminal::print(&format!("Would write plugin `{id}`:\n{}", plan.list()))?;
        terminal::print(&styles::styled_diff(&plan.diffs()))
    } else {
        let test = format!("cargo test -p {}", id.package_name());
        let width = test.len();
        let migrate = if arguments.migrate {
            String::new()
        } else {
            format!(
                "  {:<width$}  creates the schema {} and its table\n",
                "cargo xtask migrate",
                id.schema_name()
            )
        };
        terminal::print(&format!(
            "Wrote plugin `{id}`:\n{}\nNext:\n{migrate}  {test}  migrates a test database and uses the models\n",
            plan.list(),
        ))
    }
}
