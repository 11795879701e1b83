//! What the command says of what it found and did.

use std::process::ExitCode;

use serde_json::json;
use watertight_schema::{GeneratedMigration, SchemaChange};

use crate::commands::generate::{Arguments, FOUND};
use crate::plan::Plan;
use crate::terminal;
use crate::workspace::WorkspacePlugin;

pub(super) fn list(changes: &[SchemaChange]) -> String {
    changes
        .iter()
        .map(SchemaChange::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn lines(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| format!("  {text}\n"))
        .collect::<Vec<_>>()
        .concat()
}

pub(super) fn missing(arguments: &Arguments, plugin: &WorkspacePlugin, what: &str) -> ExitCode {
    let id = plugin.id;
    if arguments.json {
        let document = json!({
            "command": "generate",
            "status": "missing",
            "plugin": id.as_str(),
            "what": what,
        });
        terminal::result(&format!("{document:#}\n"));
    } else {
        terminal::result(&format!(
            "A migration of plugin `{id}` is missing: {what}.\nRun `cargo xtask generate {id}`.\n"
        ));
    }
    ExitCode::from(FOUND)
}

pub(super) fn nothing(arguments: &Arguments, plugin: &WorkspacePlugin) {
    let id = plugin.id;
    if arguments.json {
        let document =
            json!({ "command": "generate", "status": "unchanged", "plugin": id.as_str() });
        terminal::result(&format!("{document:#}\n"));
    } else {
        terminal::result(&format!(
            "Nothing to do: the migrations of plugin `{id}` make what its schema.rs says.\n"
        ));
    }
}

pub(super) fn written(
    arguments: &Arguments,
    plugin: &WorkspacePlugin,
    version: &str,
    migration: &GeneratedMigration,
    plan: &Plan,
) {
    let id = plugin.id;
    if arguments.json {
        let document = json!({
            "command": "generate",
            "status": if arguments.dry_run { "planned" } else { "written" },
            "plugin": id.as_str(),
            "version": version.replace('-', ""),
            "changes": migration.changes.iter().map(SchemaChange::to_string).collect::<Vec<_>>(),
            "losses": migration.losses,
            "files": plan.json(),
        });
        terminal::result(&format!("{document:#}\n"));
        return;
    }
    let changes: Vec<String> = migration
        .changes
        .iter()
        .map(SchemaChange::to_string)
        .collect();
    if arguments.dry_run {
        terminal::result(&format!(
            "Would write a migration of plugin `{id}`:\n{}\n-- up.sql\n{}\n-- down.sql\n{}",
            plan.list(),
            migration.up,
            migration.down
        ));
        return;
    }
    let losses = match migration.losses.as_slice() {
        [] => String::new(),
        losses => format!("\nIt loses data:\n{}", lines(losses)),
    };
    terminal::result(&format!(
        "Wrote a migration of plugin `{id}`, tried up, down and up again:\n{}\nIt does:\n{}{losses}\nNext:\n  \
         look at its SQL, and add what schema.rs cannot say\n  cargo xtask migrate --plugin {id}\n",
        plan.list(),
        lines(&changes)
    ));
}
