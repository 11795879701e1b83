//! What the command prints.

use std::fmt::{Display, Write as _};

use anyhow::Result;
use serde_json::json;
use watertight_metadata::PluginId;
use watertight_schema::{GeneratedMigration, SchemaChange};

use super::arguments::Arguments;
use crate::generator::file_plan::FilePlan;
use crate::output::command_error::CommandError;
use crate::output::hint::hinted;
use crate::output::terminal;
use crate::workspace::WorkspacePlugin;

pub(super) fn list(changes: &[SchemaChange]) -> String {
    changes
        .iter()
        .map(SchemaChange::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn lines<T: Display>(items: &[T]) -> String {
    let mut lines = String::new();
    for item in items {
        let _ = writeln!(lines, "  {item}");
    }
    lines
}

/// Reports for each plugin which migration is missing.
pub(super) fn checked(arguments: &Arguments, checked: &[(PluginId, Option<String>)]) -> Result<()> {
    let status = |missing: &Option<String>| match missing {
        Some(_) => "missing",
        None => "unchanged",
    };
    if arguments.json {
        let mut plugins = checked.iter().map(|(plugin, missing)| {
            json!({
                "command": "generate",
                "status": status(missing),
                "plugin": plugin.as_str(),
                "what": missing,
            })
        });
        if let (Some(_), Some(plugin)) = (&arguments.plugin, plugins.next()) {
            return terminal::print_json(&plugin);
        }
        let complete = checked.iter().all(|(_, missing)| missing.is_none());
        let plugins = checked.iter().map(|(plugin, missing)| {
            json!({ "plugin": plugin.as_str(), "status": status(missing), "what": missing })
        });
        return terminal::print_json(&json!({
            "command": "generate",
            "status": if complete { "unchanged" } else { "missing" },
            "plugins": plugins.collect::<Vec<_>>(),
        }));
    }
    for (plugin, missing) in checked {
        if let Some(missing) = missing {
            terminal::print(&format!(
                "A migration of plugin `{plugin}` is missing: {missing}.\nRun `cargo xtask generate {plugin}`.\n"
            ))?;
        } else if arguments.plugin.is_some() {
            terminal::print(&nothing_to_do(*plugin))?;
        }
    }
    if arguments.plugin.is_none() && checked.iter().all(|(_, missing)| missing.is_none()) {
        terminal::print("Nothing to do: the migrations of all plugins match their schema.rs.\n")?;
    }
    Ok(())
}

pub(super) fn unchanged(arguments: &Arguments, plugin: &WorkspacePlugin) -> Result<()> {
    let id = plugin.id;
    if arguments.json {
        terminal::print_json(
            &json!({ "command": "generate", "status": "unchanged", "plugin": id.as_str() }),
        )
    } else {
        terminal::print(&nothing_to_do(id))
    }
}

fn nothing_to_do(plugin: PluginId) -> String {
    format!("Nothing to do: the migrations of plugin `{plugin}` match its schema.rs.\n")
}

/// Reports that a migration is not written because it loses data.
pub(super) fn refused(
    arguments: &Arguments,
    plugin: &WorkspacePlugin,
    migration: &GeneratedMigration,
) -> Result<()> {
    if arguments.json {
        terminal::print_json(&json!({
            "command": "generate",
            "status": "refused",
            "plugin": plugin.id.as_str(),
            "changes": migration.changes.iter().map(SchemaChange::to_string).collect::<Vec<_>>(),
            "losses": migration.losses,
        }))?;
    }
    let losses = lines(&migration.losses);
    terminal::error(&CommandError::report(hinted(
        format!(
            "failed to write the migration: it loses data:\n{}",
            losses.trim_end()
        ),
        "if this is intended, run the command again with `--allow-data-loss`",
    )));
    Ok(())
}

pub(super) fn written(
    arguments: &Arguments,
    plugin: &WorkspacePlugin,
    version: &str,
    migration: &GeneratedMigration,
    plan: &FilePlan,
) -> Result<()> {
    let id = plugin.id;
    if arguments.json {
        return terminal::print_json(&json!({
            "command": "generate",
            "status": if arguments.dry_run { "planned" } else { "written" },
            "plugin": id.as_str(),
            "version": version.replace('-', ""),
            "changes": migration.changes.iter().map(SchemaChange::to_string).collect::<Vec<_>>(),
            "losses": migration.losses,
            "files": plan.to_json(),
        }));
    }
    if arguments.dry_run {
        return terminal::print(&format!(
            "Would write a migration of plugin `{id}`:\n{}\n-- up.sql\n{}\n-- down.sql\n{}",
            plan.list(),
            migration.up,
            migration.down
        ));
    }
    let losses = match migration.losses.as_slice() {
        [] => String::new(),
        losses => format!("\nIt loses data:\n{}", lines(losses)),
    };
    terminal::print(&format!(
        "Wrote a migration of plugin `{id}`, tested up, down and up again:\n{}\nChanges:\n{}{losses}\nNext:\n  \
         review its SQL, and add what schema.rs cannot express\n  cargo xtask migrate --plugin {id}\n",
        plan.list(),
        lines(&migration.changes)
    ))
}
