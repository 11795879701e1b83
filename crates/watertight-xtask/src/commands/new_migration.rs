use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use convert_case::Case;
use serde::Serialize;
use serde_json::json;

use crate::generator::apply;
use crate::generator::case::to_case;
use crate::generator::file_plan::{FilePlan, NewFile, NewFolder};
use crate::generator::migration_version;
use crate::generator::templates;
use crate::generator::timestamp::Timestamp;
use crate::output::terminal;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Write an empty migration for a plugin.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-migration orders add_price
  cargo xtask new-migration orders index_price --no-transaction")]
pub(crate) struct Arguments {
    /// The plugin's id.
    plugin: String,
    /// What the migration does, such as `add_price`.
    #[arg(value_parser = snake_case)]
    name: String,
    /// Run it outside a transaction, as `CREATE INDEX CONCURRENTLY` needs.
    #[arg(long)]
    no_transaction: bool,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The time to name it after.
    #[arg(long, hide = true, value_parser = Timestamp::parse)]
    timestamp: Option<Timestamp>,
}

/// What the templates of a migration can use.
#[derive(Serialize)]
struct Values<'a> {
    id: &'a str,
    schema: &'a str,
    name: &'a str,
    transaction: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let _lock = if arguments.dry_run {
        None
    } else {
        Some(apply::lock(workspace.root())?)
    };
    let plugin = workspace.plugin(&arguments.plugin)?;
    let version = migration_version::next(&workspace, &plugin, arguments.timestamp)?;
    let plan = plan(&workspace, &plugin, arguments, &version)?;
    if !arguments.dry_run {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report(arguments, &plugin, &version, &plan);
    Ok(ExitCode::SUCCESS)
}

fn plan(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    arguments: &Arguments,
    version: &str,
) -> Result<FilePlan> {
    let values = Values {
        id: plugin.id.as_str(),
        schema: plugin.id.schema_name(),
        name: &arguments.name,
        transaction: !arguments.no_transaction,
    };
    let overrides = workspace.root().join(workspace.templates_folder());
    let mut files = templates::render("migration", &overrides, &values)?;
    if arguments.no_transaction {
        files.push(NewFile {
            path: "metadata.toml".into(),
            text: "run_in_transaction = false\n".to_owned(),
        });
    }
    let folder = workspace
        .relative(&plugin.migrations_folder())
        .join(format!("{version}_{}", arguments.name));
    Ok(FilePlan {
        folder: Some(NewFolder {
            path: folder,
            files,
        }),
        ..FilePlan::default()
    })
}

/// Reads a migration's name: `AddPrice` and `add price` are `add_price`.
pub(crate) fn snake_case(name: &str) -> Result<String> {
    let snake = to_case(name, Case::Snake);
    let words: Vec<&str> = snake.split('_').filter(|word| !word.is_empty()).collect();
    let snake = words.join("_");
    let legal = snake
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ensure!(
        legal && !snake.is_empty(),
        "failed to take {name:?} as the migration's name: a name has only letters a to z, digits and underscores; \
         use one like `add_price`"
    );
    ensure!(
        snake.len() <= 200,
        "failed to take the migration's name: it is too long for a folder's; say it in 200 bytes"
    );
    Ok(snake)
}

fn report(arguments: &Arguments, plugin: &WorkspacePlugin, version: &str, plan: &FilePlan) {
    let id = plugin.id;
    if arguments.json {
        let document = json!({
            "command": "new-migration",
            "status": if arguments.dry_run { "planned" } else { "written" },
            "plugin": id.as_str(),
            "version": version.replace('-', ""),
            "files": plan.json(),
        });
        terminal::result(&format!("{document:#}\n"));
    } else if arguments.dry_run {
        terminal::result(&format!(
            "Would write a migration of plugin `{id}`:\n{}",
            plan.list()
        ));
    } else {
        terminal::result(&format!(
            "Wrote a migration of plugin `{id}`:\n{}\nNext:\n  \
             write its SQL into up.sql, and what undoes it into down.sql\n  \
             cargo xtask migrate --plugin {id}\n",
            plan.list()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_snake_case() {
        for name in [
            "add_price",
            "AddPrice",
            "add price",
            "add-price",
            " add__price ",
        ] {
            assert_eq!(snake_case(name).unwrap(), "add_price", "{name}");
        }
        for name in ["", "_", "../x", "a/b", "ä", "a\nb.c"] {
            assert!(snake_case(name).is_err(), "{name}");
        }
    }
}
