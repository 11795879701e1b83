//! Watertight's library.

use std::num::NonZeroUsize;

use anyhow::Result;
use watertight_connection::DatabaseUrl;
use watertight_migrations::{Migrator, PluginMigrations, RunReport};

use super::Start;
use crate::workload::Workload;

/// As `cargo xtask migrate`.
pub const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

pub fn migrate(workload: &Workload, url: &str, _start: Start) -> Result<()> {
    run(&read(workload)?, url)?;
    Ok(())
}

/// Reads the folders of migrations.
pub fn read(workload: &Workload) -> Result<Migrator> {
    let plugins = workload.plugins().iter().map(|plugin| {
        PluginMigrations::from_folder(*plugin, Vec::new(), workload.diesel_folder(plugin))
    });
    Ok(Migrator::new(plugins.collect())?.jobs(CONNECTIONS))
}

/// Connects and runs the pending migrations.
pub fn run(migrator: &Migrator, url: &str) -> Result<RunReport> {
    let report = migrator.run_on(&DatabaseUrl::parse(url)?, &[])?;
    Ok(report.into_result()?)
}
