use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result, bail};
use clap::Args;
use watertight_connection::DatabaseUrl;
use watertight_diagnostics::ExitCode;
use watertight_embedded::{DatabaseOrigin, recreate_database};

use crate::database::migration_folders::migrator;
use crate::database::migration_run;
use crate::output::hint::hinted;
use crate::output::terminal;
use crate::workspace::Workspace;

/// Drop the database with all its data, recreate it and run all migrations.
///
/// Asks for confirmation if DATABASE_URL is set.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    // Before the database is dropped: invalid migrations are an error here.
    let migrator = migrator(workspace)?;
    let database = workspace.database()?;
    let is_embedded = matches!(database.origin(), DatabaseOrigin::Embedded(_));
    if !is_embedded && !arguments.yes {
        confirm(database.url())?;
    }
    recreate_database(database.url())?;
    terminal::status(&format!(
        "Recreated the database {}.",
        database.url().database_name()
    ));
    let report = migration_run::run_pending(migrator, &database, &[])?;
    terminal::print(&format!("{report}\n"))?;
    Ok(migration_run::exit_code(&report))
}

fn confirm(url: &DatabaseUrl) -> Result<()> {
    let name = url.database_name();
    if !io::stdin().is_terminal() {
        bail!(hinted(
            format!("failed to reset {url}: this drops the database `{name}` with all its data"),
            "confirm it with `--yes`"
        ));
    }
    terminal::status(&format!(
        "This drops the database `{name}` of {url} with all its data. Type its name to confirm:"
    ));
    let mut typed = String::new();
    io::stdin()
        .lock()
        .read_line(&mut typed)
        .context("failed to read the answer")?;
    if typed.trim() != name {
        bail!("failed to reset {url}: the answer is not `{name}`; nothing was changed");
    }
    Ok(())
}
