//! From a [`Schema`] to the text of `schema.rs`.

use std::fmt::Write as _;

use crate::names::{is_invisible, rust_name, rust_string};
use crate::types;
use crate::{Column, Schema, SqlType, Table};

/// What Diesel's command derives for a type of the plugin's own, with the settings of the plugin's `diesel.toml`.
const DERIVES: &str = "diesel::query_builder::QueryId, Clone, diesel::sql_types::SqlType";

impl Schema {
    /// The text of a `schema.rs` that says this, as `diesel print-schema --schema NAME` of Diesel 2.3 prints it before
    /// it is formatted by rustfmt.
    ///
    /// The names of tables, columns and types are data: none can become anything but a name.
    pub fn to_rust(&self) -> String {
        let mut blocks = Vec::new();
        blocks.extend(self.custom_types());
        blocks.extend(self.tables.iter().map(|table| self.table_macro(table)));
        let rust_name_of = |name: &str| self.table(name).map(|table| table.rust_name.as_str());
        let mut joins = String::new();
        for join in &self.joins {
            let column = self
                .table(&join.child)
                .and_then(|child| child.column(&join.column));
            if let (Some(child), Some(parent), Some(column)) = (
                rust_name_of(&join.child),
                rust_name_of(&join.parent),
                column,
            ) {
                let column = &column.rust_name;
                line(
                    &mut joins,
                    0,
                    &format!("diesel::joinable!({child} -> {parent} ({column}));"),
                );
            }
        }
        if !joins.is_empty() {
            blocks.push(joins);
        }
        if self.tables.len() > 1 {
            let names: Vec<_> = self
                .tables
                .iter()
                .map(|table| table.rust_name.as_str())
                .collect();
            blocks.push(format!(
                "diesel::allow_tables_to_appear_in_same_query!(\n    {},\n);\n",
                names.join(",")
            ));
        }
        let mut text = "// @generated automatically by Diesel CLI.\n\n".to_owned();
        writeln!(text, "pub mod {} {{", rust_name(&self.name, None))
            .expect("a String takes any text");
        for (index, block) in blocks.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            for inner in block.lines() {
                line(&mut text, 1, inner);
            }
        }
        text + "}\n"
    }

    /// The module with the types that Diesel does not have.
    fn custom_types(&self) -> Option<String> {
        let columns = self.tables.iter().flat_map(|table| &table.columns);
        let mut custom: Vec<(String, &SqlType)> = columns
            .map(|column| (types::rust_name(&column.sql_type.name), &column.sql_type))
            .filter(|(rust_name, _)| types::is_custom(rust_name))
            .collect();
        custom.sort_by(|(one, _), (other, _)| one.cmp(other));
        custom.dedup_by(|(one, _), (other, _)| one == other);
        if custom.is_empty() {
            return None;
        }
        let mut text = "pub mod sql_types {\n".to_owned();
        for (index, (rust_name, sql_type)) in custom.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            // Diesel looks for a type of `public` by its name alone.
            let schema = sql_type
                .schema
                .as_deref()
                .filter(|schema| *schema != "public");
            let schema = schema.map(|schema| format!(", schema = {}", rust_string(schema)));
            let names = format!(
                "name = {}{}",
                rust_string(&sql_type.name),
                schema.unwrap_or_default()
            );
            line(&mut text, 1, &format!("#[derive({DERIVES})]"));
            line(&mut text, 1, &format!("#[diesel(postgres_type({names}))]"));
            line(&mut text, 1, &format!("pub struct {rust_name};"));
        }
        Some(text + "}\n")
    }

    fn table_macro(&self, table: &Table) -> String {
        let mut text = "diesel::table! {\n".to_owned();
        let mut imported: Vec<String> = Vec::new();
        for column in &table.columns {
            let name = types::rust_name(&column.sql_type.name);
            if types::is_custom(&name) && !imported.contains(&name) {
                imported.push(name);
            }
        }
        if !imported.is_empty() {
            line(&mut text, 1, "use diesel::sql_types::*;");
            for name in imported {
                line(&mut text, 1, &format!("use super::sql_types::{name};"));
            }
            text.push('\n');
        }
        documentation(&mut text, 1, table.comment.as_deref());
        if table.rust_name != table.name {
            // Here Diesel's command writes the schema too, which Diesel would take for a part of the table's name.
            line(&mut text, 1, &sql_name(&table.name));
        }
        let key: Vec<&str> = table
            .primary_key
            .iter()
            .filter_map(|name| table.column(name))
            .map(|column| column.rust_name.as_str())
            .collect();
        let schema = rust_name(&self.name, None);
        line(
            &mut text,
            1,
            &format!("{schema}.{} ({}) {{", table.rust_name, key.join(", ")),
        );
        for column in &table.columns {
            documentation(&mut text, 2, column.comment.as_deref());
            if column.rust_name != column.name {
                line(&mut text, 2, &sql_name(&column.name));
            }
            if let Some(length) = column.max_length {
                line(&mut text, 2, &format!("#[max_length = {length}]"));
            }
            line(
                &mut text,
                2,
                &format!("{} -> {},", column.rust_name, in_rust(column)),
            );
        }
        line(&mut text, 1, "}");
        text + "}\n"
    }
}

fn sql_name(name: &str) -> String {
    // Diesel takes one `r#` from the beginning, as if a raw identifier stood there.
    let raw = if name.starts_with("r#") { "r#" } else { "" };
    format!("#[sql_name = {}]", rust_string(&[raw, name].concat()))
}

/// The column's type in Rust.
pub(crate) fn in_rust(column: &Column) -> String {
    let mut text = types::rust_name(&column.sql_type.name);
    if column.sql_type.is_array {
        text = format!("Array<Nullable<{text}>>");
    }
    if column.nullable {
        text = format!("Nullable<{text}>");
    }
    text
}

fn line(text: &mut String, depth: usize, line: &str) {
    if !line.is_empty() {
        text.push_str(&"    ".repeat(depth));
        text.push_str(line);
    }
    text.push('\n');
}

/// A comment as documentation. What does not show there is left out: rustc refuses some of it, and it could end a
/// line.
fn documentation(text: &mut String, depth: usize, comment: Option<&str>) {
    for words in comment.unwrap_or_default().lines() {
        let words: String = words.trim().chars().filter(|c| !is_invisible(*c)).collect();
        let space = if words.is_empty() { "" } else { " " };
        line(text, depth, &format!("///{space}{words}"));
    }
}

/// A comment as its documentation says it again when it is read.
pub(crate) fn as_documented(comment: &str) -> Option<String> {
    let mut text = String::new();
    documentation(&mut text, 0, Some(comment));
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_start_matches('/').trim())
        .collect();
    // Empty lines at the end are not read again.
    let text = lines.join("\n").trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}
