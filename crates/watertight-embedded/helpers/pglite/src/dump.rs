//! The workspace's database as SQL.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};
use pglite_oxide::{PgDumpOptions, Pglite};

use crate::cache;
use crate::data::{self, DATABASE};

/// A setting that came with PostgreSQL 17. An older server would stop at it.
const NEW_SETTING: &str = "SET transaction_timeout = 0;\n";

/// The SQL. Nothing else may use the data meanwhile.
pub fn in_a_process(folder: &Path, arguments: &[String]) -> Result<Vec<u8>> {
    data::clear_before_start(folder);
    let mut command = cache::command()?;
    command.arg("sql").arg(folder).args(arguments);
    // The lock of the server: when this process is killed, that one goes on.
    let held = io::stdout().as_fd().try_clone_to_owned()?;
    let output = command.stdin(held).stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // Before it stands what PGlite says of its own affairs, and after it too.
        let (_, said) = said.split_once("pg_dump stderr: ").unwrap_or(("", &said));
        let (said, _) = said
            .split_once(": accept direct pg_dump")
            .unwrap_or((said, ""));
        bail!("{}", said.trim());
    }
    Ok(output.stdout)
}

/// Writes the SQL to the standard output.
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
