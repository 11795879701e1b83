use std::io::{IsTerminal as _, stderr, stdin};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use dialoguer::Select;
use dialoguer::theme::ColorfulTheme;
use serde_json::json;
use watertight_schema::{Answers, Change, Migration, MigrationError, Question, Schema};

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
            report_nothing(arguments, &plugin);
            return Ok(ExitCode::SUCCESS);
        }
        Found::Question(question) => {
            return Ok(missing(arguments, &plugin, &question.to_string()));
        }
        Found::Migration(migration) if arguments.check => {
            return Ok(missing(arguments, &plugin, &list(&migration.changes)));
        }
        Found::Migration(migration) => migration,
    };
    if !migration.losses.is_empty() && !arguments.allow_data_loss {
        terminal::error(&format!(
            "failed to write the migration: it loses data:\n{}if that is meant, run it again with `--allow-data-loss`",
            lines(&migration.losses)
        ));
        return Ok(ExitCode::from(FOUND));
    }
    let version = migration_version::next(&workspace, &plugin, arguments.timestamp)?;
    let plan = plan(&workspace, &plugin, arguments, &version, &migration);
    if writes {
        apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
    }
    report(arguments, &plugin, &version, &migration, &plan);
    Ok(ExitCode::SUCCESS)
}

/// What a comparison comes to.
enum Found {
    Nothing,
    /// What `--check` would have to ask.
    Question(Question),
    Migration(Migration),
}

fn find(scratch: &mut Scratch, wanted: &Schema, arguments: &Arguments) -> Result<Found> {
    let mut answers = Answers {
        renamed: arguments.renamed.clone(),
        dropped: arguments.dropped.clone(),
    };
    loop {
        let mut questions = match Migration::write(&mut scratch.connection, wanted, &answers) {
            Ok(None) => return Ok(Found::Nothing),
            Ok(Some(migration)) => return Ok(Found::Migration(migration)),
            Err(MigrationError::Questions(questions)) => questions,
            Err(error) => return Err(error.into()),
        };
        if arguments.check {
            return Ok(Found::Question(questions.remove(0)));
        }
        if arguments.json || !stdin().is_terminal() || !stderr().is_terminal() {
            bail!(unanswered(&questions));
        }
        ask(&questions[0], &mut answers)?;
    }
}

fn ask(question: &Question, answers: &mut Answers) -> Result<()> {
    let gone = &question.gone;
    let mut items: Vec<String> = question
        .candidates
        .iter()
        .map(|candidate| format!("renamed to {candidate}"))
        .collect();
    items.push("dropped".to_owned());
    let chosen = Select::with_theme(&ColorfulTheme::default())
        .with_prompt(format!("{gone} is gone. It is"))
        .items(&items)
        .default(0)
        .interact()
        .context("failed to ask; answer with `--rename` and `--drop`")?;
    match question.candidates.get(chosen) {
        Some(candidate) => answers.renamed.push((gone.clone(), candidate.clone())),
        None => answers.dropped.push(gone.clone()),
    }
    Ok(())
}

fn unanswered(questions: &[Question]) -> String {
    let mut text = "failed to tell what is renamed from what is dropped:\n".to_owned();
    for question in questions {
        let gone = &question.gone;
        let renames = question
            .candidates
            .iter()
            .map(|new| format!("`--rename {gone}={new}`"));
        let renames: Vec<_> = renames.collect();
        text.push_str("  ");
        text.push_str(&question.to_string());
        text.push_str("; say ");
        text.push_str(&renames.join(" or "));
        text.push_str(", or `--drop ");
        text.push_str(gone);
        text.push_str("`\n");
    }
    text + "run it again with these"
}

fn plan(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    arguments: &Arguments,
    version: &str,
    migration: &Migration,
) -> Plan {
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| name(&migration.changes));
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

/// A name for a migration that nobody has named.
fn name(changes: &[Change]) -> String {
    let is_comment = |change: &&Change| {
        matches!(
            change,
            Change::CommentOnTable { .. } | Change::CommentOnColumn { .. }
        )
    };
    let (comments, others): (Vec<_>, Vec<_>) = changes.iter().partition(is_comment);
    let changes = if others.is_empty() { comments } else { others };
    let mut tables: Vec<&str> = changes.iter().map(|change| change.table()).collect();
    let mut seen = Vec::new();
    tables.retain(|table| {
        let is_new = !seen.contains(table);
        seen.push(*table);
        is_new
    });
    let created = |table: &&str| {
        changes
            .iter()
            .any(|change| matches!(change, Change::CreateTable(new) if new.name == **table))
    };
    let words = match changes.as_slice() {
        [Change::AddColumn { table, column }] => format!("add {} to {table}", column.name),
        [Change::DropColumn { table, column }] => format!("drop {column} from {table}"),
        [Change::DropTable { table }] => format!("drop {table}"),
        [Change::RenameTable { from, to }] => format!("rename {from} to {to}"),
        [Change::RenameColumn { table, from, to }] => format!("rename {from} to {to} in {table}"),
        _ if tables.len() > 3 => "change schema".to_owned(),
        _ if tables.iter().all(created) => format!("create {}", tables.join(" and ")),
        _ => format!("change {}", tables.join(" and ")),
    };
    // A table's name can be any text.
    snake_case(&words).unwrap_or_else(|_| "change_schema".to_owned())
}

fn list(changes: &[Change]) -> String {
    changes
        .iter()
        .map(Change::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn lines(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| format!("  {text}\n"))
        .collect::<Vec<_>>()
        .concat()
}

fn missing(arguments: &Arguments, plugin: &WorkspacePlugin, what: &str) -> ExitCode {
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

fn report_nothing(arguments: &Arguments, plugin: &WorkspacePlugin) {
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

fn report(
    arguments: &Arguments,
    plugin: &WorkspacePlugin,
    version: &str,
    migration: &Migration,
    plan: &Plan,
) {
    let id = plugin.id;
    if arguments.json {
        let document = json!({
            "command": "generate",
            "status": if arguments.dry_run { "planned" } else { "written" },
            "plugin": id.as_str(),
            "version": version.replace('-', ""),
            "changes": migration.changes.iter().map(Change::to_string).collect::<Vec<_>>(),
            "losses": migration.losses,
            "files": plan.json(),
        });
        terminal::result(&format!("{document:#}\n"));
        return;
    }
    let changes: Vec<String> = migration.changes.iter().map(Change::to_string).collect();
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

    #[test]
    fn a_migration_is_named_after_what_it_does() {
        let drop = |table: &str| Change::DropTable {
            table: table.to_owned(),
        };
        let column = |table: &str| Change::DropNotNull {
            table: table.to_owned(),
            column: "a".to_owned(),
        };
        assert_eq!(name(&[drop("items")]), "drop_items");
        assert_eq!(
            name(&[column("a"), column("b"), column("a")]),
            "change_a_and_b"
        );
        assert_eq!(name(&["a", "b", "c", "d"].map(column)), "change_schema");
        assert_eq!(name(&[drop("../x")]), "change_schema");
    }
}
