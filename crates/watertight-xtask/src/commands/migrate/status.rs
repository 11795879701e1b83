use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_migrations::{MigrationState, PluginStatus};

use crate::database::migration_folders::migrator;
use crate::database::wait::WaitArguments;
use crate::output::migration_status::styled_statuses;
use crate::output::{source_warnings, terminal};
use crate::workspace::Workspace;

/// Show applied, pending, ahead and drifted migrations of each plugin.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Exit with 3 if a migration is pending, out of order, drifted or ahead.
    #[arg(long)]
    check: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    wait: WaitArguments,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let migrator = migrator(workspace)?;
    source_warnings::print(&migrator);
    let database = arguments.wait.database(workspace)?;
    let plugins = migrator.status_on(database.url())?;
    let findings = findings(&plugins);
    if arguments.json {
        let is_up_to_date = findings.is_none();
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        let mut document = json!({ "plugins": plugins, "up_to_date": is_up_to_date });
        source_warnings::add_to(&mut document, &migrator);
        terminal::print_json(&document)?;
    } else {
        terminal::print(&styled_statuses(&plugins))?;
    }
    let Some(findings) = findings.filter(|_| arguments.check) else {
        return Ok(ExitCode::Success);
    };
    terminal::status(&format!("not up to date: {findings}"));
    Ok(ExitCode::CheckFailed)
}

/// Returns how many migrations are in each state other than applied, such as `2 pending, 1 drifted`, or `None` if all
/// are applied.
fn findings(plugins: &[PluginStatus]) -> Option<String> {
    let states = [
        (MigrationState::Pending, "pending"),
        (MigrationState::OutOfOrder, "out of order"),
        (MigrationState::Drifted, "drifted"),
        (MigrationState::Ahead, "ahead"),
    ];
    let counts = states.into_iter().filter_map(|(state, name)| {
        let migrations = plugins.iter().flat_map(|plugin| &plugin.migrations);
        let count = migrations
            .filter(|migration| migration.state == state)
            .count();
        (count > 0).then(|| format!("{count} {name}"))
    });
    let counts: Vec<_> = counts.collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}
