use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use convert_case::Case;
use serde::Serialize;
use serde_json::json;

use crate::apply;
use crate::plan::{NewFile, NewFolder, Plan};
use crate::templates;
use crate::terminal;
use crate::timestamp::Timestamp;
use crate::words::to_case;
use crate::workspace::{Workspace, WorkspacePlugin};

/// The history's column for versions holds that many characters.
const MAX_VERSION_LENGTH: usize = 50;

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
    let now = arguments.timestamp.unwrap_or_else(Timestamp::now);
    let version = next_version(now, newest(&workspace, &plugin)?)?;
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
) -> Result<Plan> {
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
        .relative(&migrations(plugin))
        .join(format!("{version}_{}", arguments.name));
    Ok(Plan {
        folder: Some(NewFolder {
            path: folder,
            files,
        }),
        ..Plan::default()
    })
}

fn migrations(plugin: &WorkspacePlugin) -> PathBuf {
    plugin.folder.join("migrations")
}

/// The newest version in the plugin's folder, as Diesel reads it: the text before the first underscore,
/// without dashes. Versions are compared as texts.
fn newest(workspace: &Workspace, plugin: &WorkspacePlugin) -> Result<Option<String>> {
    let folder = migrations(plugin);
    if !folder.exists() {
        return Ok(None);
    }
    let failed = || format!("failed to list {}", workspace.relative(&folder).display());
    let mut newest = None;
    for entry in fs::read_dir(&folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            let version = name.split('_').next().unwrap_or_default().replace('-', "");
            newest = newest.max(Some(version));
        }
    }
    Ok(newest)
}

/// How the new folder begins: the time, or, where that does not sort after `newest`, the least text that
/// keeps its form and does.
fn next_version(now: Timestamp, newest: Option<String>) -> Result<String> {
    let Some(newest) = newest.filter(|newest| now.version() <= *newest) else {
        return Ok(now.to_string());
    };
    if let Some(later) = Timestamp::from_version(&newest).and_then(Timestamp::next_second)
        && later.version() > newest
    {
        return Ok(later.to_string());
    }
    let version = count_up(&newest);
    ensure!(
        version.len() <= MAX_VERSION_LENGTH,
        "failed to find a version after {newest:?}: it would have more than {MAX_VERSION_LENGTH} characters; rename \
         the plugin's newest migration, if no database has it yet"
    );
    Ok(version)
}

/// The number at the end of `version`, counted up in its width; behind nines, or no number, comes a zero.
fn count_up(version: &str) -> String {
    let mut bytes = version.to_owned().into_bytes();
    for digit in bytes.iter_mut().rev() {
        match *digit {
            b'9' => *digit = b'0',
            b'0'..=b'8' => {
                *digit += 1;
                return String::from_utf8(bytes).expect("only digits have changed");
            }
            _ => break,
        }
    }
    format!("{version}0")
}

/// Reads a migration's name: `AddPrice` and `add price` are `add_price`.
fn snake_case(name: &str) -> Result<String> {
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

fn report(arguments: &Arguments, plugin: &WorkspacePlugin, version: &str, plan: &Plan) {
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
    use proptest::prelude::*;

    use super::*;

    fn next(now: &str, newest: &str) -> String {
        next_version(Timestamp::parse(now).unwrap(), Some(newest.to_owned())).unwrap()
    }

    #[test]
    fn a_version_is_the_time_or_a_second_after_the_newest() {
        assert_eq!(
            next("2026-01-01-000000", "20251231235959"),
            "2026-01-01-000000"
        );
        assert_eq!(
            next("2026-01-01-000000", "20260101000000"),
            "2026-01-01-000001"
        );
        assert_eq!(
            next("2026-01-01-000000", "20261231235959"),
            "2027-01-01-000000"
        );
    }

    #[test]
    fn a_version_of_another_form_is_counted_up() {
        for (newest, version) in [
            ("202601010000001", "202601010000002"),
            ("99", "990"),
            ("990", "991"),
            ("3", "4"),
            ("zzz", "zzz0"),
            ("zzz9", "zzz90"),
            ("99991231235959", "99991231235960"),
        ] {
            assert_eq!(next("2026-01-01-000000", newest), version);
        }
    }

    #[test]
    fn a_version_that_would_be_too_long_is_an_error() {
        let newest = "9".repeat(MAX_VERSION_LENGTH);
        let now = Timestamp::parse("2026-01-01-000000").unwrap();
        assert!(next_version(now, Some(newest)).is_err());
    }

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

    proptest! {
        #[test]
        fn a_version_always_sorts_after_the_newest(newest in "[0-9]{14}|[0-9a-z]{0,20}") {
            let now = Timestamp::parse("2026-01-01-000000").unwrap();
            let version = next_version(now, Some(newest.clone())).unwrap();
            prop_assert!(version.replace('-', "") > newest);
        }
    }
}
