//! Dumps the workspace's database as SQL.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};
use pglite_oxide::{PgDumpOptions, Pglite};

use crate::cache;
use crate::data::{self, DATABASE};

/// A setting that PostgreSQL 17 added. Older servers reject it.
const NEW_SETTING: &str = "SET transaction_timeout = 0;\n";

/// Dumps the database in a child process. No other process may use the data meanwhile.
pub fn in_child_process(folder: &Path, arguments: &[String]) -> Result<Vec<u8>> {
    data::clear_before_start(folder);
    let mut command = cache::command()?;
    command.arg("sql").arg(folder).args(arguments);
    // The child holds the server's lock too, as it continues when this process is killed.
    let held = io::stdout().as_fd().try_clone_to_owned()?;
    let output = command.stdin(held).stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        // PGlite adds its own messages before and after that of `pg_dump`.
        let (_, message) = errors
            .split_once("pg_dump stderr: ")
            .unwrap_or(("", &errors));
        let (message, _) = message
            .split_once(": accept direct pg_dump")
            .unwrap_or((message, ""));
        bail!("{}", message.trim());
    }
    Ok(output.stdout)
}

/// Writes the SQL to stdout.
pub fn sql(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut postgres = Pglite::builder()
        .path(data::root(folder))
        .database(DATABASE)
        .open()?;
    let options = PgDumpOptions::new().database(DATABASE);
    let sql = postgres.dump_sql(options.args(arguments.iter().copied()))?;
    postgres.close()?;
    let sql = sql.replacen(NEW_SETTING, "", 1);
    Ok(io::stdout().write_all(sql.as_bytes())?)
}
