//! A migration of 54 MB: one `SET`, then rows with e-mail addresses.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, PluginMigrations};

use crate::measurement::Measurement;
use crate::peers::{floor, watertight};
use crate::report::{Table, seconds};
use crate::server::Server;
use crate::workload::write_file;

pub const SEED: &str = "seed";

const BYTES: usize = 54_000_000;

pub fn seed(server: &Server) -> Result<Table> {
    let plugin = PluginId::parse("p0")?;
    let schema = plugin.schema_name();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("2026-01-01-000000_seed/up.sql");
    write_file(&file, &rows(schema))?;

    let title = format!("A seed file of {} MB, on one machine", BYTES / 1_000_000);
    let mut table = Table::new(&title, &["runner", "time", "its own processor time"]);
    let mut measure = |name: &str, run: &dyn Fn(&str) -> Result<()>| -> Result<()> {
        let database = server.create_database()?;
        let url = server.url(&database, None)?;
        let (measurement, ()) = Measurement::of(None, || run(&url))?;
        table.row(&[
            name.to_owned(),
            seconds(measurement.time),
            seconds(measurement.own_time),
        ]);
        Ok(())
    };
    let create = format!("CREATE SCHEMA {schema}");
    measure("`psql -1 -f`", &|url| psql(url, &create, &file))?;
    measure("raw floor: one message", &|url| {
        let sql = fs::read_to_string(&file)?;
        floor::send(&format!("BEGIN; {create}; {sql}; COMMIT"), url)
    })?;
    measure("Watertight", &|url| {
        let migrations = PluginMigrations::from_folder(plugin, Vec::new(), folder.path());
        watertight::run(&Migrator::new(vec![migrations])?, url)?;
        Ok(())
    })?;
    Ok(table)
}

fn rows(schema: &str) -> String {
    let mut sql = format!(
        "SET search_path = {schema};\n\
         CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, about text NOT NULL);\n"
    );
    let mut id = 0;
    while sql.len() < BYTES {
        let _ = writeln!(
            sql,
            "INSERT INTO users VALUES ({id}, 'user{id}@mail.host{id}.example', 'lorem ipsum dolor sit amet');"
        );
        id += 1;
    }
    sql
}

fn psql(url: &str, create: &str, file: &Path) -> Result<()> {
    let status = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--single-transaction"])
        .args([
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            url,
            "--command",
            create,
            "--file",
        ])
        .arg(file)
        .status()?;
    ensure!(status.success(), "psql failed");
    Ok(())
}
