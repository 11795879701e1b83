use anyhow::Result;
use clap::Args;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use serde_json::{Value, json};
use watertight_connection::{DatabaseUrl, UrlOrigin};
use watertight_diagnostics::ExitCode;
use watertight_embedded::EmbeddedServer;

use crate::output::terminal;
use crate::workspace::Workspace;

/// Show which database is used and whether it is running, without starting it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let facts = match DatabaseUrl::find(workspace.root())? {
        Some(found) => named(workspace, &found.url, &found.origin)?,
        None => embedded(workspace)?,
    };
    if arguments.json {
        terminal::print_json(&Value::from_iter(facts))?;
        return Ok(ExitCode::Success);
    }
    for (name, value) in facts {
        let value = match value {
            Value::Null => continue,
            Value::String(value) => value,
            other => other.to_string(),
        };
        terminal::print(&format!("{:<14}{value}\n", name.replace('_', " ")))?;
    }
    Ok(ExitCode::Success)
}

type Facts = Vec<(&'static str, Value)>;

/// Returns the facts about the database of `DATABASE_URL`, which has to be running.
fn named(workspace: &Workspace, url: &DatabaseUrl, origin: &UrlOrigin) -> Result<Facts> {
    let mut connection = url.connect_session()?;
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
