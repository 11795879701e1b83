//! The types of columns in a `schema.rs`.

use std::collections::BTreeMap;

use syn_of_diesel::spanned::Spanned as _;
use syn_of_diesel::{GenericArgument, ItemUse, PathArguments, Result, Type, TypePath, UseTree};

use crate::SqlType;
use crate::parse::error;
use crate::types;

/// The type without `Nullable`. PostgreSQL does not tell arrays of different dimensions from each other, nor whether
/// their elements may be NULL.
pub(crate) fn read_type(
    tpe: &TypePath,
    types: &BTreeMap<String, SqlType>,
    imports: &[ItemUse],
) -> Result<SqlType> {
    if let Some(inner) = argument(tpe, "Array").or_else(|| argument(tpe, "Nullable")) {
        let element = read_type(inner?, types, imports)?;
        return Ok(SqlType {
            is_array: true,
            ..element
        });
    }
    for (name, suffix) in [("Range", "range"), ("Multirange", "multirange")] {
        if let Some(inner) = argument(tpe, name) {
            let element = read_type(inner?, types, imports)?;
            return types::range_of(&element, suffix)
                .ok_or_else(|| error(tpe.span(), "PostgreSQL has no such range"));
        }
    }
    let last = tpe.path.segments.last();
    let name = last
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default();
    let named = original_name(imports, &name).unwrap_or_else(|| name.clone());
    // What the file defines goes before what it takes from Diesel with a star.
    let known = types
        .get(&named)
        .cloned()
        .or_else(|| types::of_diesel(&named));
    known.ok_or_else(|| {
        error(
            tpe.span(),
            &format!(
                "`{name}` is no type that Diesel has for PostgreSQL, nor one that this file defines; for a type of \
                 the plugin's own add `#[diesel(postgres_type(name = \"…\", schema = \"…\"))] pub struct {name};` to \
                 `sql_types`"
            ),
        )
    })
}

/// What a type's name stands for in a table that imports it with `as`.
fn original_name(imports: &[ItemUse], name: &str) -> Option<String> {
    fn search(tree: &UseTree, name: &str) -> Option<String> {
        match tree {
            UseTree::Path(path) => search(&path.tree, name),
            UseTree::Group(group) => group.items.iter().find_map(|tree| search(tree, name)),
            UseTree::Rename(rename) => (rename.rename == name).then(|| rename.ident.to_string()),
            UseTree::Name(_) | UseTree::Glob(_) => None,
        }
    }
    imports.iter().find_map(|import| search(&import.tree, name))
}

/// The `T` of `name<T>`, when the type is that.
pub(crate) fn argument<'a>(tpe: &'a TypePath, name: &str) -> Option<Result<&'a TypePath>> {
    let last = tpe.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    Some(match arguments.args.first() {
        Some(GenericArgument::Type(Type::Path(inner))) => Ok(inner),
        _ => Err(error(
            tpe.span(),
            &format!("`{name}` wants one type in its brackets"),
        )),
    })
}
