//! refinery's `Runner` over tokio-postgres, plugin by plugin on one connection.

use anyhow::Result;
use refinery_core::{Runner, load_sql_migrations};
use tokio_postgres::NoTls;

use super::{Start, runtime};

use crate::workload::Workload;

pub fn migrate(workload: &Workload, url: &str, _start: Start) -> Result<()> {
    runtime()?.block_on(async {
        let (mut client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        for plugin in workload.plugins() {
            let schema = plugin.schema_name();
            client
                .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
                .await?;
            let mut runner = Runner::new(&load_sql_migrations(workload.refinery_folder(plugin))?);
            runner.set_migration_table_name(format!("{schema}.refinery_schema_history"));
            runner.run_async(&mut client).await?;
        }
        Ok(())
    })
}
