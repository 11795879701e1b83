use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use watertight_diagnostics::ErrorReport;
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, RunReport};

use crate::commands::migrate::progress::Reporter;
use crate::commands::migrate::sessions::Sessions;
use crate::commands::migrate::{dry_run, embedded, migrator_for, named};
use crate::schema_file::Refresh;
use crate::terminal;
use crate::workspace::Workspace;

/// More connections do not make migrations faster, and a small server has not many to give.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

#[derive(Args)]
#[group(skip)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Only this plugin, and those that it depends on. May be given several times.
    #[arg(long, value_name = "ID")]
    plugin: Vec<String>,
    /// Print the SQL that would run, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Run what the server's binary has embedded, with the server's own `migrate` command.
    #[arg(long, conflicts_with_all = ["plugin", "dry_run"])]
    embedded: bool,
    /// Leave the schema.rs of the plugins as they are.
    #[arg(long)]
    no_schema: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let only = named(workspace, &arguments.plugin)?;
    let migrator = migrator_for(workspace, &only)?;
    let database = workspace.database()?;
    if arguments.embedded {
        return embedded::run(workspace, &database, arguments.json);
    }
    if arguments.dry_run {
        return dry_run::run(&migrator, &database, &only, arguments.json);
    }
    let refresh = if arguments.no_schema {
        None
    } else {
        let status = migrator.status(&mut database.url().connect()?)?;
        let pending = status
            .iter()
            .filter(|plugin| plugin.pending().next().is_some());
        let pending: Vec<_> = pending.map(|status| status.plugin).collect();
        Refresh::begin(workspace, &database, &pending)?
    };
    let report = run_pending(migrator, &database, &only)?;
    if arguments.json {
        terminal::result(&format!("{:#}\n", report.to_json()));
    } else {
        terminal::result(&format!("{report}\n"));
    }
    if let Some(refresh) = refresh {
        let changed = report
            .plugins
            .iter()
            .filter(|plugin| !plugin.applied.is_empty());
        refresh.finish(&changed.map(|plugin| plugin.plugin).collect::<Vec<_>>())?;
    }
    Ok(exit_code(&report))
}

/// Runs the pending migrations, tells on stderr how it goes, and says there what failed.
pub(crate) fn run_pending(
    migrator: Migrator,
    database: &Database,
    only: &[PluginId],
) -> Result<RunReport> {
    let reporter = Reporter::new();
    let migrator = migrator.on_progress(reporter.callback());
    let sessions = Sessions::new(database.url())?;
    let connections = if database.url().serves_one_connection() {
        NonZeroUsize::MIN
    } else {
        CONNECTIONS
    };
    let report = migrator.run_parallel(|| sessions.connect(), connections, only);
    sessions.finish();
    reporter.finish();
    let report = report?;
    for error in report.errors() {
        terminal::report(&ErrorReport::new(error));
    }
    Ok(report)
}

pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
