//! What PostgreSQL needs for one message per migration, without any check: no runner that sends such messages is faster.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::watertight::CONNECTIONS;
use super::{Start, runtime};

use crate::workload::Workload;

pub fn migrate(workload: &Workload, url: &str, start: Start) -> Result<()> {
    let plugins = workload
        .plugins()
        .iter()
        .map(|plugin| {
            Plugin::read(
                plugin.schema_name().to_string(),
                workload.diesel_folder(plugin),
            )
        })
        .collect::<Result<VecDeque<_>>>()?;
    runtime()?.block_on(async {
        match start {
            Start::Empty => apply(plugins, url).await,
            Start::UpToDate => check(&plugins, url).await,
        }
    })
}

/// Sends one message.
pub fn send(message: &str, url: &str) -> Result<()> {
    runtime()?.block_on(async { Ok(connect(url).await?.batch_execute(message).await?) })
}

struct Plugin {
    schema: String,
    /// The versions and their SQL.
    migrations: Vec<(String, String)>,
}

impl Plugin {
    fn read(schema: String, folder: PathBuf) -> Result<Self> {
        let mut migrations = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let version = entry.file_name().to_string_lossy().into_owned();
            migrations.push((version, fs::read_to_string(entry.path().join("up.sql"))?));
        }
        migrations.sort();
        Ok(Self { schema, migrations })
    }

    /// Returns the messages that apply the migrations. The first one also creates the schema and the history.
    fn messages(&self) -> impl Iterator<Item = String> {
        let schema = &self.schema;
        let mut setup = format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.history \
             (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);"
        );
        self.migrations.iter().map(move |(version, sql)| {
            let setup = std::mem::take(&mut setup);
            format!(
                "BEGIN; {setup} {sql}; \
                 INSERT INTO {schema}.history (version) VALUES ('{version}'); COMMIT"
            )
        })
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn apply(plugins: VecDeque<Plugin>, url: &str) -> Result<()> {
    let queue = Arc::new(Mutex::new(plugins));
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS.get() {
        let (queue, url) = (Arc::clone(&queue), url.to_owned());
        workers.spawn(async move {
            let client = connect(&url).await?;
            loop {
                let next = queue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some(plugin) = next else {
                    return anyhow::Ok(());
                };
                for message in plugin.messages() {
                    client.batch_execute(&message).await?;
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// Reads all histories with one query.
async fn check(plugins: &VecDeque<Plugin>, url: &str) -> Result<()> {
    let client = connect(url).await?;
    let histories: Vec<_> = plugins
        .iter()
        .map(|plugin| format!("SELECT version FROM {}.history", plugin.schema))
        .collect();
    let rows = client.simple_query(&histories.join(" UNION ALL ")).await?;
    let is_row = |message: &&SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(_));
    let applied = rows.iter().filter(is_row).count();
    let migrations: usize = plugins.iter().map(|plugin| plugin.migrations.len()).sum();
    ensure!(applied == migrations, "{applied} migrations are applied");
    Ok(())
}
