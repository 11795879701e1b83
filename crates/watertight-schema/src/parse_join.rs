//! `joinable!` in a `schema.rs`.

use syn_of_diesel::parse::{Parse, ParseStream, Parser as _};
use syn_of_diesel::{Ident, ItemMacro, Path, Result, Token, parenthesized};

use crate::parse::error;
use crate::{Join, Schema};

/// `child -> parent (column)`.
struct JoinableCall {
    child: Path,
    parent: Path,
    column: Ident,
}

impl Parse for JoinableCall {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let child = input.parse()?;
        let _: Token![->] = input.parse()?;
        let parent = input.parse()?;
        let inner;
        parenthesized!(inner in input);
        Ok(Self {
            child,
            parent,
            column: inner.parse()?,
        })
    }
}

/// None for a table of another plugin, of whose foreign keys nothing is said here.
pub(crate) fn read_join(item: &ItemMacro, schema: &Schema) -> Result<Option<Join>> {
    let call = JoinableCall::parse.parse2(item.mac.tokens.clone())?;
    let (Some(child), Some(parent)) = (call.child.get_ident(), call.parent.get_ident()) else {
        return Ok(None);
    };
    let table = |ident: &Ident| {
        let table = schema.tables.iter().find(|table| *ident == table.rust_name);
        table.ok_or_else(|| {
            error(
                ident.span(),
                &format!("`{ident}` is no table of this file; take the join out"),
            )
        })
    };
    let (child, parent_table) = (table(child)?, table(parent)?);
    let column = child
        .columns
        .iter()
        .find(|column| call.column == column.rust_name);
    let Some(column) = column else {
        let message = format!(
            "`{}` has no column `{}`; take the join out",
            child.name, call.column
        );
        return Err(error(call.column.span(), &message));
    };
    if parent_table.primary_key.len() != 1 {
        let message = format!(
            "`{}` has no primary key of one column, which `joinable!` needs",
            parent_table.name
        );
        return Err(error(parent.span(), &message));
    }
    Ok(Some(Join {
        child: child.name.clone(),
        parent: parent_table.name.clone(),
        column: column.name.clone(),
    }))
}
