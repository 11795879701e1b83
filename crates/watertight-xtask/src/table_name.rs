use std::fmt;

use anyhow::{Result, bail};
use convert_case::Case;

use crate::words::to_case;

/// PostgreSQL cuts names at 63 bytes, and calls the primary key's index `<table>_pkey`.
const MAX_LENGTH: usize = 63 - "_pkey".len();

/// The columns of the example table. Diesel's `table!` refuses a table that is called like a column.
const COLUMNS: [&str; 5] = ["id", "name", "description", "created_at", "updated_at"];

/// Names that the code which `table!` writes uses for something else.
const USED_BY_DIESEL: [&str; 1] = ["diesel"];

/// The names of types and traits that the models, their derives and the test use; a row's type that took one
/// would not compile.
const TYPES_IN_USE: [&str; 18] = [
    "Box",
    "Err",
    // Its response would be called `IntoResponse`, like the trait of axum.
    "Into",
    "NaiveDateTime",
    "None",
    "Ok",
    "Option",
    "Plugin",
    "QueryDsl",
    "Result",
    "RunQueryDsl",
    "Selectable",
    "SelectableHelper",
    "Self",
    "Some",
    "String",
    "TestDatabase",
    "Uuid",
];

/// The name of the table that a new plugin starts with.
///
/// Legal names are lower-case words joined by single underscores, `[a-z][a-z0-9]*(_[a-z0-9]+)*`, at most
/// 58 bytes, except those that Diesel cannot have as a table's name next to the example's columns.
/// Keywords of SQL and of Rust are legal: SQL quotes every name, and `schema.rs` renames where it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName(String);

impl TableName {
    /// # Errors
    ///
    /// Says which rule `name` breaks.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let words = name.split('_').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        let reason = if name == "__diesel_schema_migrations" {
            "that is the migration history's own name".to_owned()
        } else if !words || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            "a table's name is lower-case words of letters and digits, joined by single underscores, and starts \
             with a letter"
                .to_owned()
        } else if name.len() > MAX_LENGTH {
            format!(
                "a table's name has at most {MAX_LENGTH} bytes, because PostgreSQL cuts names at 63 and the names of \
                 its indexes are longer"
            )
        } else if COLUMNS.contains(&name) {
            "the table has a column of that name, and Diesel's `table!` cannot tell the two apart"
                .to_owned()
        } else if USED_BY_DIESEL.contains(&name) {
            "the code that Diesel's `table!` writes needs that name for itself".to_owned()
        } else if name == "gen" {
            "that is a keyword of Rust 2024 which the `diesel` command does not know".to_owned()
        } else {
            return Ok(Self(name.to_owned()));
        };
        bail!(
            "failed to take {name:?} as the table's name: {reason}; choose another with `--table`"
        )
    }

    /// The name in SQL.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in `schema.rs`. It is the one that the `diesel` command chooses.
    pub(crate) fn rust_name(&self) -> String {
        let reserved = syn::parse_str::<syn::Ident>(&self.0).is_err()
            || ["table", "columns", "is_nullable"].contains(&self.as_str());
        if reserved {
            format!("{}_", self.0)
        } else {
            self.0.clone()
        }
    }

    /// What one row is called: the singular.
    ///
    /// It is found by the ending alone: `ies` becomes `y`; `ches`, `shes`, `sses` and `xes` lose `es`; any other
    /// `s` goes, but not that of `ss`, `us` and `is`.
    pub(crate) fn row(&self) -> String {
        singular(&self.0)
    }

    /// The type of a row: the singular in Pascal case, with `Row` after it where the name is in use.
    pub(crate) fn type_name(&self) -> String {
        let name = to_case(&self.row(), Case::Pascal);
        if TYPES_IN_USE.contains(&name.as_str()) {
            name + "Row"
        } else {
            name
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn singular(plural: &str) -> String {
    let without = |ending: &str| plural.strip_suffix(ending).filter(|stem| stem.len() > 1);
    if let Some(stem) = without("ies") {
        return format!("{stem}y");
    }
    if ["ches", "shes", "sses", "xes"]
        .iter()
        .any(|ending| plural.ends_with(ending))
    {
        return plural[..plural.len() - "es".len()].to_owned();
    }
    if ["ss", "us", "is"]
        .iter()
        .any(|ending| plural.ends_with(ending))
    {
        return plural.to_owned();
    }
    without("s").unwrap_or(plural).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableName {
        TableName::parse(name).unwrap()
    }

    fn error(name: &str) -> String {
        TableName::parse(name).unwrap_err().to_string()
    }

    #[test]
    fn a_row_has_the_singular_of_its_table() {
        for (name, row) in [
            ("items", "Item"),
            ("order_lines", "OrderLine"),
            ("categories", "Category"),
            ("addresses", "Address"),
            ("boxes", "BoxRow"),
            ("status", "Status"),
            ("user", "User"),
            ("s", "S"),
            ("as", "As"),
            ("ties", "Tie"),
        ] {
            assert_eq!(table(name).type_name(), row, "{name}");
        }
    }

    #[test]
    fn a_row_never_shadows_a_type_that_its_own_code_needs() {
        for (name, row) in [
            ("strings", "StringRow"),
            ("options", "OptionRow"),
            ("self", "SelfRow"),
            ("results", "ResultRow"),
            ("plugins", "PluginRow"),
        ] {
            assert_eq!(table(name).type_name(), row);
        }
    }

    #[test]
    fn keywords_are_renamed_in_rust_the_way_diesel_does() {
        for (name, rust) in [
            ("type", "type_"),
            ("order", "order"),
            ("user", "user"),
            ("self", "self_"),
            ("table", "table_"),
            ("columns", "columns_"),
            ("async", "async_"),
        ] {
            assert_eq!(table(name).rust_name(), rust);
        }
    }

    #[test]
    fn an_illegal_name_is_refused_with_its_reason() {
        insta::assert_snapshot!(
            error("Items"),
            @r#"failed to take "Items" as the table's name: a table's name is lower-case words of letters and digits, joined by single underscores, and starts with a letter; choose another with `--table`"#
        );
        for name in [
            "", "_a", "a_", "a__b", "1a", "a-b", "a b", "ä", "a\"b", "a.b",
        ] {
            assert!(error(name).contains("lower-case words"), "{name}");
        }
        assert!(error("__diesel_schema_migrations").contains("history"));
        assert!(error(&"a".repeat(59)).contains("58 bytes"));
        assert!(error("gen").contains("keyword"));
        assert!(error("name").contains("column"));
        assert!(error("diesel").contains("needs that name"));
        assert_eq!(table(&"a".repeat(58)).as_str().len(), 58);
    }
}
