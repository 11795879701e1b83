use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use watertight_connection::DatabaseUrl;
use watertight_embedded::{DatabaseOrigin, recreate_database};

use crate::commands::migrate;
use crate::terminal;
use crate::workspace::Workspace;

/// Drop the database with all its data, create it anew, and migrate all plugins.
///
/// A database that DATABASE_URL names is dropped only after you have confirmed it, or with `--yes`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    // First, so that a workspace that cannot be migrated keeps its database.
    let migrator = migrate::migrator(workspace)?;
    let database = workspace.database()?;
    let is_embedded = matches!(database.origin(), DatabaseOrigin::Embedded(_));
    if !is_embedded && !arguments.yes {
        confirm(database.url())?;
    }
    recreate_database(database.url())?;
    terminal::remark(&format!(
        "Created the database {} anew.",
        database.url().database_name()
    ));
    let report = migrate::run_pending(migrator, &database, &[])?;
    terminal::result(&format!("{report}\n"));
    Ok(migrate::exit_code(&report))
}

fn confirm(url: &DatabaseUrl) -> Result<()> {
    let name = url.database_name();
    if !io::stdin().is_terminal() {
        bail!(
            "failed to reset {url}: this drops the database `{name}` with all its data; say `--yes` if you mean it"
        );
    }
    terminal::remark(&format!(
        "This drops the database `{name}` of {url} with all its data. Type its name to go on:"
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
