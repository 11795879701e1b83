use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use serde_json::{Value, json};
use watertight_connection::{DatabaseUrl, UrlOrigin};
use watertight_embedded::EmbeddedServer;

use crate::terminal;
use crate::workspace::Workspace;

/// Show which database it is and whether it runs. This starts nothing.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let facts = match DatabaseUrl::find(workspace.root())? {
        Some(found) => named(workspace, &found.url, &found.origin)?,
        None => embedded(workspace)?,
    };
    if arguments.json {
        terminal::result(&format!("{:#}\n", Value::from_iter(facts)));
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value) in facts {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        terminal::result(&format!("{:<14}{text}\n", name.replace('_', " ")));
    }
    Ok(ExitCode::SUCCESS)
}

type Facts = Vec<(&'static str, Value)>;

/// A server that is not ours. It has to answer.
fn named(workspace: &Workspace, url: &DatabaseUrl, origin: &UrlOrigin) -> Result<Facts> {
    let mut connection = url.connect()?;
    let version: String = sql::<Text>("SHOW server_version").get_result(&mut connection)?;
    let origin = match origin {
        UrlOrigin::DotEnv(file) => {
            format!("DATABASE_URL in {}", workspace.relative(file).display())
        }
        UrlOrigin::Environment => "DATABASE_URL in the environment".to_owned(),
    };
    Ok(vec![
        ("database", json!(origin)),
        ("url", json!(url.to_string())),
        ("state", json!("running")),
        ("version", json!(version)),
    ])
}

fn embedded(workspace: &Workspace) -> Result<Facts> {
    let status = EmbeddedServer::status(workspace.root())?;
    let mut facts = vec![("database", json!(format!("embedded {}", status.kind)))];
    match status.running {
        None => facts.push(("state", json!("stopped"))),
        Some(running) => facts.extend([
            ("state", json!("running")),
            ("version", json!(running.version)),
            ("pid", json!(running.pid)),
            ("sessions", json!(running.sessions)),
            ("used_by", json!(running.holder)),
            ("socket_folder", json!(running.socket_folder)),
        ]),
    }
    facts.push(("data_folder", json!(status.data_folder)));
    facts.push(("log_file", json!(status.log_file)));
    Ok(facts)
}
