use std::time::Duration;

use anyhow::Result;
use clap::Args;
use watertight_connection::ConnectError;
use watertight_embedded::Database;

use crate::output::terminal;
use crate::workspace::Workspace;

/// How long to wait for the server of the database.
#[derive(Args)]
pub(crate) struct WaitArguments {
    /// Wait this long for a server that starts [default: do not wait].
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

impl WaitArguments {
    /// Finds the workspace's database, and waits until its server accepts connections if that is asked for.
    ///
    /// # Errors
    ///
    /// As [`Workspace::database`], and when waiting is of no use or has taken too long.
    pub(crate) fn database(&self, workspace: &Workspace) -> Result<Database> {
        let database = workspace.database()?;
        self.wait_for(&database)?;
        Ok(database)
    }

    /// Waits until the server of a database accepts connections, if that is asked for.
    ///
    /// # Errors
    ///
    /// When waiting is of no use or has taken too long.
    pub(crate) fn wait_for(&self, database: &Database) -> Result<(), ConnectError> {
        let Some(seconds) = self.wait else {
            return Ok(());
        };
        let limit = Duration::from_secs(seconds);
        database.url().wait_until_ready(limit, |error| {
            terminal::status(&format!(
                "waiting up to {seconds} s for the server: {error}"
            ));
        })
    }
}
