mod name;
mod questions;
mod report;

use std::io::{IsTerminal as _, stderr, stdin};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use watertight_schema::{GenerateError, GeneratedMigration, RenameAnswers, RenameQuestion, Schema};

use crate::apply;
use crate::commands::migrate;
use crate::commands::new_migration::snake_case;
use crate::migration_version;
use crate::plan::{NewFile, NewFolder, Plan};
use crate::schema_file::SchemaFile;
use crate::scratch::{Scratch, ScratchServer};
use crate::terminal;
use crate::timestamp::Timestamp;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Something was found, or has to be said before anything is written.
const FOUND: u8 = 3;

/// Write the migration that makes a plugin's tables what its schema.rs says.
///
/// The plugin's migrations run in a scratch database, and what comes of them is compared with schema.rs. The new
/// migration is tried there too: up, down and up again. The scratch database is dropped afterwards.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask generate catalog
  cargo xtask generate catalog --rename items=products --rename products.name=title
  cargo xtask generate catalog --check")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// The plugin's id.
    plugin: String,
    /// What the migration does, such as `add_price`. Without it, the name says what changes.
    #[arg(long, value_parser = snake_case)]
    name: Option<String>,
    /// A table or column that has another name now: `items=products`, or `products.name=title`.
    #[arg(long = "rename", value_name = "OLD=NEW", value_parser = rename)]
    renamed: Vec<(String, String)>,
    /// A table or column that is gone, not renamed: `items`, or `items.name`.
    #[arg(long = "drop", value_name = "NAME")]
    dropped: Vec<String>,
    /// Write the migration also when it loses data.
    #[arg(long)]
    allow_data_loss: bool,
    /// Write nothing; exit with 3 when a migration is missing.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
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

fn rename(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        // Within a table a column's new name is enough; with the table it is welcome too.
        Some((from, to)) if !from.is_empty() && !to.is_empty() => {
            let table = from.split_once('.').map(|(table, _)| format!("{table}."));
            let to = table
                .and_then(|table| to.strip_prefix(&table))
                .unwrap_or(to);
            Ok((from.to_owned(), to.to_owned()))
        }
        _ => bail!("write it as `items=products` for a table, or `items.name=title` for a column"),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let writes = !arguments.check && !arguments.dry_run;
    let _lock = if writes {
        Some(apply::lock(workspace.root())?)
    } else {
        None
    };
    let plugin = workspace.plugin(&arguments.plugin)?;
    let file = SchemaFile::read(&workspace, &plugin)?;
    if file.text.is_none() {
        bail!(
            "failed to read {}: it is not there; `cargo xtask schema {}` writes it",
            file.path.display(),
            plugin.id
        );
    }
    let wanted = file.parse(&plugin)?;
    let migrator = migrate::migrator_for(&workspace, &[plugin.id])?;
    let mut scratch = ScratchServer::find(&workspace)?.create()?;
    scratch.migrate(&migrator, &[plugin.id])?;
    let found = find(&mut scratch, &wanted, arguments)?;
    drop(scratch);
    let migration = match found {
        Found::Nothing => {
            report::nothing(arguments, &plugin);
            return Ok(ExitCode::SUCCESS);
        }
        Found::Question(question) => {
            return Ok(report::missing(arguments, &plugin, &question.to_string()));
        }
        Found::Migration(migration) if arguments.check => {
            return Ok(report::missing(
                arguments,
                &plugin,
                &report::list(&migration.changes),
            ));
        }
        Found::Migration(migration) => migration,
    };
    if !migration.losses.is_empty() && !arguments.allow_data_loss {
        terminal::error(&format!(
            "failed to write the migration: it loses data:\n{}if that is meant, run it again with `--allow-data-loss`",
            report::lines(&migration.losses)
        ));
        return Ok(ExitCode::from(FOUND));
    }
    let version = migration_version::next(&workspace, &plugin, arguments.timestamp)?;
    let plan = plan(&workspace, &plugin, arguments, &version, &migration);
    if writes {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report::written(arguments, &plugin, &version, &migration, &plan);
    Ok(ExitCode::SUCCESS)
}

/// What a comparison comes to.
enum Found {
    Nothing,
    /// What `--check` would have to ask.
    Question(RenameQuestion),
    Migration(GeneratedMigration),
}

fn find(scratch: &mut Scratch, wanted: &Schema, arguments: &Arguments) -> Result<Found> {
    let mut answers = RenameAnswers {
        renamed: arguments.renamed.clone(),
        dropped: arguments.dropped.clone(),
    };
    loop {
        let mut questions =
            match GeneratedMigration::generate(&mut scratch.connection, wanted, &answers) {
                Ok(None) => return Ok(Found::Nothing),
                Ok(Some(migration)) => return Ok(Found::Migration(migration)),
                Err(GenerateError::Questions(questions)) => questions,
                Err(error) => return Err(error.into()),
            };
        if arguments.check {
            return Ok(Found::Question(questions.remove(0)));
        }
        if arguments.json || !stdin().is_terminal() || !stderr().is_terminal() {
            bail!(questions::unanswered(&questions));
        }
        questions::ask(&questions[0], &mut answers)?;
    }
}

fn plan(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    arguments: &Arguments,
    version: &str,
    migration: &GeneratedMigration,
) -> Plan {
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| name::name(&migration.changes));
    let file = |path: &str, text: &str| NewFile {
        path: path.into(),
        text: text.to_owned(),
    };
    let folder = workspace
        .relative(&plugin.migrations_folder())
        .join(format!("{version}_{name}"));
    Plan {
        folder: Some(NewFolder {
            path: folder,
            files: vec![
                file("down.sql", &migration.down),
                file("up.sql", &migration.up),
            ],
        }),
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_names_a_column_with_its_table_once_or_twice() {
        let renamed = |text| rename(text).unwrap();
        assert_eq!(
            renamed("items=products"),
            ("items".into(), "products".into())
        );
        assert_eq!(
            renamed("items.name=title"),
            ("items.name".into(), "title".into())
        );
        assert_eq!(
            renamed("items.name=items.title"),
            ("items.name".into(), "title".into())
        );
        for wrong in ["items", "=a", "a="] {
            assert!(rename(wrong).is_err());
        }
    }
}
