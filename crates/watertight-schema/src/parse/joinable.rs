use proc_macro2::TokenStream;
use syn_of_diesel::parse::{Parse, ParseStream, Parser as _};
use syn_of_diesel::{Ident, Path, Token, parenthesized};

use super::parse_error::{Result, SpannedError};
use crate::{Join, Schema};

/// The arguments of `joinable!`: `child -> parent (column)`.
struct JoinableCall {
    child: Path,
    parent: Path,
    column: Ident,
}

impl Parse for JoinableCall {
    fn parse(input: ParseStream<'_>) -> syn_of_diesel::Result<Self> {
        let child = input.parse()?;
        let _: Token![->] = input.parse()?;
        let parent = input.parse()?;
        let column;
        parenthesized!(column in input);
        Ok(Self {
            child,
            parent,
            column: column.parse()?,
        })
    }
}

/// Parses the arguments of `joinable!`. Returns `None` for a join with another plugin's table, which is named by a path.
pub(super) fn parse_joinable(arguments: TokenStream, schema: &Schema) -> Result<Option<Join>> {
    let call = JoinableCall::parse.parse2(arguments)?;
    let (Some(child), Some(parent)) = (call.child.get_ident(), call.parent.get_ident()) else {
        return Ok(None);
    };
    let table = |ident: &Ident| {
        let table = schema.tables.iter().find(|table| *ident == table.rust_name);
        table.ok_or_else(|| {
            SpannedError::new(ident.span(), format!("this file has no table `{ident}`"))
                .with_hint("remove the `joinable!`")
        })
    };
    let (child, parent_table) = (table(child)?, table(parent)?);
    let column = child
        .columns
        .iter()
        .find(|column| call.column == column.rust_name);
    let column = column.ok_or_else(|| {
        let message = format!("`{}` has no column `{}`", child.name, call.column);
        SpannedError::new(call.column.span(), message).with_hint("remove the `joinable!`")
    })?;
    if parent_table.primary_key.len() != 1 {
        let message = format!(
            "`{}` has no single-column primary key, which `joinable!` needs",
            parent_table.name
        );
        return Err(SpannedError::new(parent.span(), message));
    }
    Ok(Some(Join {
        child: child.name.clone(),
        parent: parent_table.name.clone(),
        column: column.name.clone(),
    }))
}
