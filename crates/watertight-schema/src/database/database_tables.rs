use std::collections::BTreeSet;

use serde::Deserialize;

use super::catalog_error::CatalogError;
use super::query::{CatalogConnection, query_document};
use crate::rust_name::{make_unique, rust_name};
use crate::{Column, Join, Schema, SqlType, Table};

const TABLES: &str = include_str!("database_tables.sql");

/// The tables of a schema in a database, as the `diesel` command sees them, with details that `schema.rs` cannot
/// express.
#[derive(Clone, Debug)]
pub struct DatabaseTables {
    /// The tables as `schema.rs` declares them.
    pub schema: Schema,
    /// The names of the tables that have no primary key, which Diesel cannot use.
    pub without_primary_key: Vec<String>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Pairs of a table's name and its primary key constraint's name.
    pub(crate) primary_keys: Vec<(String, String)>,
}

/// A foreign key between two tables of the schema.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) child: String,
    pub(crate) parent: String,
    pub(crate) columns: Vec<String>,
    pub(crate) parent_columns: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    tables: Vec<TableRow>,
    foreign_keys: Vec<ForeignKey>,
}

#[derive(Deserialize)]
struct TableRow {
    name: String,
    comment: Option<String>,
    primary_key: Option<KeyRow>,
    columns: Vec<ColumnRow>,
}

#[derive(Deserialize)]
struct KeyRow {
    name: String,
    columns: Vec<String>,
}

#[derive(Deserialize)]
struct ColumnRow {
    name: String,
    comment: Option<String>,
    type_schema: String,
    #[serde(rename = "type")]
    type_name: String,
    nullable: bool,
    max_length: Option<u64>,
}

impl DatabaseTables {
    /// Reads the tables of the schema `name` with one query. A schema that does not exist has no tables.
    pub fn read<C: CatalogConnection>(
        connection: &mut C,
        name: &str,
    ) -> Result<Self, CatalogError> {
        let document: Document = query_document(connection, TABLES, Some(name))?;
        let mut tables = Vec::new();
        let mut without_primary_key = Vec::new();
        let mut primary_keys = Vec::new();
        for mut row in document.tables {
            match row.primary_key.take() {
                Some(key) => {
                    primary_keys.push((row.name.clone(), key.name));
                    tables.push(table(row, key.columns));
                }
                None => without_primary_key.push(row.name),
            }
        }
        make_unique(tables.iter_mut().map(|table| &mut table.rust_name));
        let joins = joins(&tables, &document.foreign_keys);
        Ok(Self {
            schema: Schema {
                name: name.to_owned(),
                tables,
                joins,
            },
            without_primary_key,
            foreign_keys: document.foreign_keys,
            primary_keys,
        })
    }
}

fn table(row: TableRow, primary_key: Vec<String>) -> Table {
    let table_rust_name = rust_name(&row.name, None);
    let mut columns: Vec<Column> = row
        .columns
        .into_iter()
        .map(|column| Column {
            rust_name: rust_name(&column.name, Some(&table_rust_name)),
            sql_type: sql_type(column.type_schema, &column.type_name),
            name: column.name,
            comment: column.comment,
            nullable: column.nullable,
            max_length: column.max_length,
        })
        .collect();
    make_unique(columns.iter_mut().map(|column| &mut column.rust_name));
    Table {
        name: row.name,
        rust_name: table_rust_name,
        comment: row.comment,
        primary_key,
        columns,
    }
}

/// As the `diesel` command, takes a type whose name begins with an underscore for an array.
fn sql_type(schema: String, name: &str) -> SqlType {
    SqlType {
        schema: Some(schema),
        name: name.strip_prefix('_').unwrap_or(name).to_owned(),
        is_array: name.starts_with('_'),
    }
}

/// Returns the foreign keys that `joinable!` can express: the only one between two tables, in either direction, from one
/// column to the whole primary key.
fn joins(tables: &[Table], foreign_keys: &[ForeignKey]) -> Vec<Join> {
    let table_pair = |key: &ForeignKey| {
        let mut pair = [key.child.clone(), key.parent.clone()];
        pair.sort();
        pair
    };
    let mut pairs = BTreeSet::new();
    let mut ambiguous = BTreeSet::new();
    for key in foreign_keys {
        if !pairs.insert(table_pair(key)) {
            ambiguous.insert(table_pair(key));
        }
    }
    let table = |name: &str| tables.iter().find(|table| table.name == name);
    let mut joins: Vec<Join> = foreign_keys
        .iter()
        .filter(|key| key.child != key.parent && !ambiguous.contains(&table_pair(key)))
        .filter(|key| table(&key.child).is_some())
        .filter(|key| {
            table(&key.parent).is_some_and(|parent| parent.primary_key == key.parent_columns)
        })
        .filter_map(|key| match key.columns.as_slice() {
            [column] => Some(Join {
                child: key.child.clone(),
                parent: key.parent.clone(),
                column: column.clone(),
            }),
            _ => None,
        })
        .collect();
    joins.sort();
    joins
}
