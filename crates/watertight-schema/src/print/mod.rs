//! Writes a [`Schema`] as `schema.rs`.

mod rust_string;

use rust_string::rust_string;

use crate::diesel_type;
use crate::doc_comment::doc_lines;
use crate::rust_name::rust_name;
use crate::{Column, Schema, SqlType, Table};

/// The derives that the `diesel` command writes for custom types, as configured in a plugin's `diesel.toml`.
const DERIVES: &str = "diesel::query_builder::QueryId, Clone, diesel::sql_types::SqlType";

impl Schema {
    /// Returns the `schema.rs` of this schema, as `diesel print-schema --schema NAME` of Diesel 2.3 prints it before
    /// rustfmt formats it.
    ///
    /// Names of tables, columns and types are escaped: whatever they contain, they are printed as names.
    pub fn to_rust(&self) -> String {
        let mut blocks = Vec::new();
        blocks.extend(self.custom_types());
        blocks.extend(self.tables.iter().map(|table| self.table_macro(table)));
        blocks.extend(self.joinable_macros());
        blocks.extend(self.allow_tables_macro());
        let mut source = "// @generated automatically by Diesel CLI.\n\n".to_owned();
        let module = format!("pub mod {} {{", rust_name(&self.name, None));
        push_line(&mut source, 0, &module);
        for (index, block) in blocks.iter().enumerate() {
            if index > 0 {
                source.push('\n');
            }
            for line in block.lines() {
                push_line(&mut source, 1, line);
            }
        }
        source + "}\n"
    }

    /// Returns the module of the types that Diesel does not have.
    fn custom_types(&self) -> Option<String> {
        let columns = self.tables.iter().flat_map(|table| &table.columns);
        let mut custom: Vec<(String, &SqlType)> = columns
            .map(|column| {
                let rust_name = diesel_type::rust_name(&column.sql_type.name);
                (rust_name, &column.sql_type)
            })
            .filter(|(rust_name, _)| diesel_type::is_custom(rust_name))
            .collect();
        custom.sort_by(|(name, _), (other, _)| name.cmp(other));
        custom.dedup_by(|(name, _), (other, _)| name == other);
        if custom.is_empty() {
            return None;
        }
        let mut source = "pub mod sql_types {\n".to_owned();
        for (index, (rust_name, sql_type)) in custom.iter().enumerate() {
            if index > 0 {
                source.push('\n');
            }
            // Diesel looks up a type of `public` by its name alone.
            let schema = sql_type
                .schema
                .as_deref()
                .filter(|schema| *schema != "public");
            let schema = schema.map(|schema| format!(", schema = {}", rust_string(schema)));
            let arguments = format!(
                "name = {}{}",
                rust_string(&sql_type.name),
                schema.unwrap_or_default()
            );
            push_line(&mut source, 1, &format!("#[derive({DERIVES})]"));
            let attribute = format!("#[diesel(postgres_type({arguments}))]");
            push_line(&mut source, 1, &attribute);
            push_line(&mut source, 1, &format!("pub struct {rust_name};"));
        }
        Some(source + "}\n")
    }

    fn table_macro(&self, table: &Table) -> String {
        let mut source = "diesel::table! {\n".to_owned();
        let mut imported: Vec<String> = Vec::new();
        for column in &table.columns {
            let name = diesel_type::rust_name(&column.sql_type.name);
            if diesel_type::is_custom(&name) && !imported.contains(&name) {
                imported.push(name);
            }
        }
        if !imported.is_empty() {
            push_line(&mut source, 1, "use diesel::sql_types::*;");
            for name in imported {
                push_line(&mut source, 1, &format!("use super::sql_types::{name};"));
            }
            source.push('\n');
        }
        push_doc_comment(&mut source, 1, table.comment.as_deref());
        if table.rust_name != table.name {
            // The `diesel` command writes the schema here too, which Diesel would take for a part of the name.
            push_line(&mut source, 1, &sql_name_attribute(&table.name));
        }
        let key: Vec<&str> = table
            .primary_key
            .iter()
            .filter_map(|name| table.column(name))
            .map(|column| column.rust_name.as_str())
            .collect();
        let schema = rust_name(&self.name, None);
        let header = format!("{schema}.{} ({}) {{", table.rust_name, key.join(", "));
        push_line(&mut source, 1, &header);
        for column in &table.columns {
            push_doc_comment(&mut source, 2, column.comment.as_deref());
            if column.rust_name != column.name {
                push_line(&mut source, 2, &sql_name_attribute(&column.name));
            }
            if let Some(length) = column.max_length {
                push_line(&mut source, 2, &format!("#[max_length = {length}]"));
            }
            let line = format!("{} -> {},", column.rust_name, rust_type(column));
            push_line(&mut source, 2, &line);
        }
        push_line(&mut source, 1, "}");
        source + "}\n"
    }

    fn joinable_macros(&self) -> Option<String> {
        let mut source = String::new();
        for join in &self.joins {
            let child = self.table(&join.child);
            let column = child.and_then(|child| child.column(&join.column));
            if let (Some(child), Some(parent), Some(column)) =
                (child, self.table(&join.parent), column)
            {
                let line = format!(
                    "diesel::joinable!({} -> {} ({}));",
                    child.rust_name, parent.rust_name, column.rust_name
                );
                push_line(&mut source, 0, &line);
            }
        }
        (!source.is_empty()).then_some(source)
    }

    fn allow_tables_macro(&self) -> Option<String> {
        let tables = self.tables.iter();
        let names: Vec<_> = tables.map(|table| table.rust_name.as_str()).collect();
        (names.len() > 1).then(|| {
            format!(
                "diesel::allow_tables_to_appear_in_same_query!(\n    {},\n);\n",
                names.join(",")
            )
        })
    }
}

fn sql_name_attribute(name: &str) -> String {
    // Diesel strips one leading `r#`, as of a raw identifier.
    let raw = if name.starts_with("r#") { "r#" } else { "" };
    format!("#[sql_name = {}]", rust_string(&[raw, name].concat()))
}

fn rust_type(column: &Column) -> String {
    let mut rust_type = diesel_type::rust_name(&column.sql_type.name);
    if column.sql_type.is_array {
        rust_type = format!("Array<Nullable<{rust_type}>>");
    }
    if column.nullable {
        rust_type = format!("Nullable<{rust_type}>");
    }
    rust_type
}

fn push_line(source: &mut String, depth: usize, line: &str) {
    if !line.is_empty() {
        source.push_str(&"    ".repeat(depth));
        source.push_str(line);
    }
    source.push('\n');
}

fn push_doc_comment(source: &mut String, depth: usize, comment: Option<&str>) {
    for line in doc_lines(comment.unwrap_or_default()) {
        let space = if line.is_empty() { "" } else { " " };
        push_line(source, depth, &format!("///{space}{line}"));
    }
}
