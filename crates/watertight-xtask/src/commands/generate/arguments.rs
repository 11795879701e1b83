use anyhow::{Result, bail};
use clap::Args;

use crate::generator::migration_name;
use crate::generator::timestamp::Timestamp;
use crate::output::hint::{argument, hinted};

/// Write a migration from the changes in a plugin's schema.rs.
///
/// Runs the plugin's migrations in a scratch database and compares its tables with schema.rs. The new migration is
/// tested there: up, down and up again. The scratch database is dropped afterwards.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask generate catalog
  cargo xtask generate catalog --rename items=products --rename products.name=title
  cargo xtask generate --check")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Plugin id; optional with `--check`, which then checks all plugins.
    #[arg(required_unless_present = "check")]
    pub(super) plugin: Option<String>,
    /// Migration name, such as `add_price` [default: from the changes].
    #[arg(long, value_parser = argument(migration_name::parse))]
    pub(super) name: Option<String>,
    /// Renamed table or column: `items=products` or `products.name=title` (repeatable).
    #[arg(long = "rename", value_name = "OLD=NEW", value_parser = argument(rename))]
    pub(super) renamed: Vec<(String, String)>,
    /// Dropped table or column: `items` or `items.name` (repeatable).
    #[arg(long = "drop", value_name = "NAME")]
    pub(super) dropped: Vec<String>,
    /// Allow a migration that loses data.
    #[arg(long)]
    pub(super) allow_data_loss: bool,
    /// Write nothing; exit with 3 if a migration is missing.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) check: bool,
    /// Show the migration without writing it.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Time of the version.
    #[arg(long, hide = true, value_parser = Timestamp::parse)]
    pub(super) timestamp: Option<Timestamp>,
}

/// Parses `OLD=NEW`. The new name of a column can have its table before it.
fn rename(renamed: &str) -> Result<(String, String)> {
    match renamed.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => {
            let table = from.split_once('.').map(|(table, _)| format!("{table}."));
            let to = table
                .and_then(|table| to.strip_prefix(&table))
                .unwrap_or(to);
            Ok((from.to_owned(), to.to_owned()))
        }
        _ => bail!(hinted(
            "it is not OLD=NEW",
            "write `items=products` for a table, or `items.name=title` for a column"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_column_has_its_table_once_or_twice() {
        let renamed = |argument| rename(argument).unwrap();
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
