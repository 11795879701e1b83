//! From the text of `schema.rs` to a [`Schema`].

use std::collections::BTreeMap;

use diesel_table_macro_syntax::{ColumnDef, TableDecl};
use syn_of_diesel::spanned::Spanned as _;
use syn_of_diesel::{
    Attribute, Expr, ExprLit, File, Ident, Item, ItemMacro, ItemStruct, ItemUse, Lit, LitStr, Meta,
    Path,
};

use crate::names;
use crate::parse_join::read_join;
use crate::parse_type::{argument, read_type};
use crate::print::as_documented;
use crate::types;
use crate::{Column, Schema, SqlType, Table};

/// What is wrong in a `schema.rs`, and where.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {file}:{line}:{column}: {message}")]
pub struct ParseError {
    /// The file, as it was named.
    pub file: String,
    /// The line; the first is 1.
    pub line: usize,
    /// The column in characters; the first is 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

type Result<T> = syn_of_diesel::Result<T>;

impl Schema {
    /// Reads a `schema.rs` whose tables are all in the schema `name`. `file` is how messages call it.
    ///
    /// # Errors
    ///
    /// Where it does not parse, with the macro's own message; where a table is in another schema, or a type is not
    /// known.
    pub fn from_rust(text: &str, name: &str, file: &str) -> std::result::Result<Self, ParseError> {
        let schema = syn_of_diesel::parse_file(text).and_then(|parsed| read(&parsed, name));
        schema.map_err(|error| {
            let start = error.span().start();
            ParseError {
                file: file.to_owned(),
                line: start.line,
                column: start.column + 1,
                message: error.to_string(),
            }
        })
    }
}

/// What was found in a file and all its modules.
#[derive(Default)]
struct Found<'a> {
    tables: Vec<&'a ItemMacro>,
    joins: Vec<&'a ItemMacro>,
    /// By their names in Rust.
    types: BTreeMap<String, SqlType>,
}

fn read(file: &File, schema: &str) -> Result<Schema> {
    let mut found = Found::default();
    collect(&file.items, &mut found)?;
    let mut read = Schema {
        name: schema.to_owned(),
        ..Schema::default()
    };
    for item in found.tables {
        let table: TableDecl = syn_of_diesel::parse2(item.mac.tokens.clone())?;
        let span = table.table_name.span();
        let table = read_table(&table, schema, &found.types)?;
        if read.table(&table.name).is_some() {
            return Err(error(
                span,
                &format!("the table `{}` is there twice; take one out", table.name),
            ));
        }
        read.tables.push(table);
    }
    for item in found.joins {
        read.joins.extend(read_join(item, &read)?);
    }
    read.joins.sort();
    Ok(read)
}

pub(crate) fn error(span: proc_macro2::Span, message: &str) -> syn_of_diesel::Error {
    syn_of_diesel::Error::new(span, message)
}

fn collect<'a>(items: &'a [Item], found: &mut Found<'a>) -> Result<()> {
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    collect(items, found)?;
                }
            }
            Item::Macro(item) if is_called(&item.mac.path, "table") => found.tables.push(item),
            Item::Macro(item) if is_called(&item.mac.path, "joinable") => found.joins.push(item),
            Item::Struct(item) => {
                if let Some(sql_type) = custom_type(item)? {
                    found.types.insert(item.ident.to_string(), sql_type);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_called(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

/// The type that a struct stands for: `#[diesel(postgres_type(name = "…", schema = "…"))]`.
fn custom_type(item: &ItemStruct) -> Result<Option<SqlType>> {
    let mut found = None;
    for attribute in item.attrs.iter().filter(|a| a.path().is_ident("diesel")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("postgres_type") {
                // Of another database; its arguments are of no concern.
                let _: proc_macro2::TokenStream = meta.input.parse()?;
                return Ok(());
            }
            let mut schema = "public".to_owned();
            let mut name = None;
            meta.parse_nested_meta(|meta| {
                let value: Lit = meta.value()?.parse()?;
                match (
                    meta.path.get_ident().map(Ident::to_string).as_deref(),
                    value,
                ) {
                    (Some("name"), Lit::Str(text)) => name = Some(text.value()),
                    (Some("schema"), Lit::Str(text)) => schema = text.value(),
                    _ => {}
                }
                Ok(())
            })?;
            found = name.map(|name| SqlType {
                schema: Some(schema),
                name,
                is_array: false,
            });
            Ok(())
        })?;
    }
    Ok(found)
}

fn read_table(table: &TableDecl, schema: &str, types: &BTreeMap<String, SqlType>) -> Result<Table> {
    let name = table.sql_name.clone();
    let span = table.table_name.span();
    let said = table.schema.as_ref().map(Ident::to_string);
    if said.as_deref() != Some(names::rust_name(schema, None).as_str()) {
        let said = said.unwrap_or_else(|| "public".to_owned());
        return Err(error(
            span,
            &format!(
                "the table `{name}` is in the schema `{said}`, but this plugin owns `{schema}`; write \
                 `{schema}.{}`",
                table.table_name
            ),
        ));
    }
    let mut columns: Vec<Column> = Vec::new();
    for column in &table.column_defs {
        let read = read_column(column, types, &table.use_statements)?;
        if columns.iter().any(|other| other.name == read.name) {
            let message = format!("the column `{}` is there twice; take one out", read.name);
            return Err(error(column.column_name.span(), &message));
        }
        columns.push(read);
    }
    let mut primary_key = Vec::new();
    match &table.primary_keys {
        // As in the macro.
        None => primary_key.push("id".to_owned()),
        Some(key) => {
            for ident in &key.keys {
                let column = columns.iter().find(|column| *ident == column.rust_name);
                let Some(column) = column else {
                    let message =
                        format!("the primary key's column `{ident}` is not in the table; add it");
                    return Err(error(ident.span(), &message));
                };
                primary_key.push(column.name.clone());
            }
        }
    }
    if let Some(missing) = primary_key
        .iter()
        .find(|key| !columns.iter().any(|c| c.name == **key))
    {
        let message = format!(
            "the primary key's column `{missing}` is not in the table; name the key in parentheses"
        );
        return Err(error(span, &message));
    }
    if let Some(nullable) = columns
        .iter()
        .find(|c| c.nullable && primary_key.contains(&c.name))
    {
        let message = format!(
            "`{}` is in the primary key and cannot be NULL; take `Nullable` away",
            nullable.name
        );
        return Err(error(span, &message));
    }
    Ok(Table {
        name,
        rust_name: table.table_name.to_string(),
        comment: comment(&table.meta),
        primary_key,
        columns,
    })
}

fn read_column(
    column: &ColumnDef,
    types: &BTreeMap<String, SqlType>,
    imports: &[ItemUse],
) -> Result<Column> {
    let (nullable, inner) = match argument(&column.tpe, "Nullable") {
        Some(inner) => (true, inner?),
        None => (false, &column.tpe),
    };
    let sql_type = read_type(inner, types, imports)?;
    let max_length = column.max_length.as_ref();
    let max_length = max_length
        .map(syn_of_diesel::LitInt::base10_parse)
        .transpose()?;
    if max_length.is_some() && !types::has_length(&sql_type) {
        let message = "`#[max_length]` is for `Varchar`, `Bpchar` and `Bit`; take it away, or choose one of these";
        return Err(error(column.tpe.span(), message));
    }
    Ok(Column {
        name: column.sql_name.clone(),
        rust_name: column.column_name.to_string(),
        comment: comment(&column.meta),
        sql_type,
        nullable,
        max_length,
    })
}

fn comment(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
        {
            lines.push(LitStr::value(text));
        }
    }
    as_documented(&lines.join("\n"))
}
