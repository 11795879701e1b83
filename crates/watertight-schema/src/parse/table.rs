use std::collections::BTreeMap;

use diesel_table_macro_syntax::{ColumnDef, TableDecl};
use syn_of_diesel::spanned::Spanned as _;
use syn_of_diesel::{Attribute, Expr, ExprLit, Ident, ItemUse, Lit, LitInt, Meta};

use super::column_type::{parse_type, type_argument};
use super::parse_error::{Result, SpannedError};
use crate::doc_comment::as_documented;
use crate::rust_name::rust_name;
use crate::sql::has_length;
use crate::{Column, SqlType, Table};

pub(super) fn parse_table(
    table: &TableDecl,
    schema: &str,
    custom_types: &BTreeMap<String, SqlType>,
) -> Result<Table> {
    check_schema(table, schema)?;
    let mut columns: Vec<Column> = Vec::new();
    for column in &table.column_defs {
        let parsed = parse_column(column, custom_types, &table.use_statements)?;
        if columns.iter().any(|other| other.name == parsed.name) {
            return Err(SpannedError::new(
                column.column_name.span(),
                format!("column `{}` is declared twice", parsed.name),
            )
            .with_hint("remove one of the declarations"));
        }
        columns.push(parsed);
    }
    Ok(Table {
        name: table.sql_name.clone(),
        rust_name: table.table_name.to_string(),
        comment: doc_comment(&table.meta),
        primary_key: parse_primary_key(table, &columns)?,
        columns,
    })
}

fn check_schema(table: &TableDecl, schema: &str) -> Result<()> {
    let declared = table.schema.as_ref().map(Ident::to_string);
    if declared.as_deref() == Some(rust_name(schema, None).as_str()) {
        return Ok(());
    }
    let declared = declared.unwrap_or_else(|| "public".to_owned());
    let message = format!(
        "table `{}` is in the schema `{declared}`, but this plugin owns `{schema}`",
        table.sql_name
    );
    let hint = format!("write `{schema}.{}`", table.table_name);
    Err(SpannedError::new(table.table_name.span(), message).with_hint(hint))
}

fn parse_primary_key(table: &TableDecl, columns: &[Column]) -> Result<Vec<String>> {
    let mut primary_key = Vec::new();
    match &table.primary_keys {
        // The default of the macro.
        None if columns.iter().any(|column| column.name == "id") => {
            primary_key.push("id".to_owned());
        }
        None => {
            let message = "the primary key column `id` is not in the table";
            return Err(SpannedError::new(table.table_name.span(), message)
                .with_hint("name the primary key in parentheses after the table's name"));
        }
        Some(key) => {
            for ident in &key.keys {
                let column = columns.iter().find(|column| *ident == column.rust_name);
                let column = column.ok_or_else(|| {
                    let message = format!("the primary key column `{ident}` is not in the table");
                    SpannedError::new(ident.span(), message).with_hint("add the column")
                })?;
                primary_key.push(column.name.clone());
            }
        }
    }
    let nullable = columns
        .iter()
        .find(|column| column.nullable && primary_key.contains(&column.name));
    match nullable {
        Some(nullable) => {
            let message = format!(
                "`{}` is in the primary key, so it cannot be `Nullable`",
                nullable.name
            );
            Err(SpannedError::new(table.table_name.span(), message).with_hint("remove `Nullable`"))
        }
        None => Ok(primary_key),
    }
}

fn parse_column(
    column: &ColumnDef,
    custom_types: &BTreeMap<String, SqlType>,
    imports: &[ItemUse],
) -> Result<Column> {
    let (nullable, inner) = match type_argument(&column.tpe, "Nullable") {
        Some(inner) => (true, inner?),
        None => (false, &column.tpe),
    };
    let sql_type = parse_type(inner, custom_types, imports)?;
    let max_length = column.max_length.as_ref();
    let max_length = max_length.map(LitInt::base10_parse).transpose()?;
    if max_length.is_some() && !has_length(&sql_type) {
        let message = "`#[max_length]` is only for `Varchar`, `Bpchar` and `Bit`";
        return Err(SpannedError::new(column.tpe.span(), message)
            .with_hint("remove the attribute, or use one of these types"));
    }
    Ok(Column {
        name: column.sql_name.clone(),
        rust_name: column.column_name.to_string(),
        comment: doc_comment(&column.meta),
        sql_type,
        nullable,
        max_length,
    })
}

fn doc_comment(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(line),
                ..
            }) = &pair.value
        {
            lines.push(line.value());
        }
    }
    as_documented(&lines.join("\n"))
}
