//! sqlx's `Migrator`, plugin by plugin on one connection.

use anyhow::Result;
use sqlx_core::connection::Connection as _;
use sqlx_core::migrate::Migrator;
use sqlx_postgres::PgConnection;

use super::{Start, runtime};

use crate::workload::Workload;

pub fn migrate(workload: &Workload, url: &str, _start: Start) -> Result<()> {
    runtime()?.block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        for plugin in workload.plugins() {
            let schema = plugin.schema_name();
            let mut migrator = Migrator::new(workload.sqlx_folder(plugin)).await?;
            migrator.create_schema(schema.to_string());
            migrator.dangerous_set_table_name(format!("{schema}._sqlx_migrations"));
            migrator.run(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    })
}
