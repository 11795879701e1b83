use std::collections::BTreeMap;

use syn_of_diesel::spanned::Spanned as _;
use syn_of_diesel::{GenericArgument, ItemUse, PathArguments, Type, TypePath, UseTree};

use super::parse_error::{Result, SpannedError};
use crate::SqlType;
use crate::diesel_type;

/// Parses a column's type without its outer `Nullable`.
///
/// As in PostgreSQL, arrays with different numbers of dimensions are one type, as are arrays whose elements can and
/// cannot be NULL.
pub(super) fn parse_type(
    type_path: &TypePath,
    custom_types: &BTreeMap<String, SqlType>,
    imports: &[ItemUse],
) -> Result<SqlType> {
    let element =
        type_argument(type_path, "Array").or_else(|| type_argument(type_path, "Nullable"));
    if let Some(element) = element {
        return Ok(SqlType {
            is_array: true,
            ..parse_type(element?, custom_types, imports)?
        });
    }
    for (name, suffix) in [("Range", "range"), ("Multirange", "multirange")] {
        if let Some(element) = type_argument(type_path, name) {
            let element = parse_type(element?, custom_types, imports)?;
            return diesel_type::range_of(&element, suffix).ok_or_else(|| {
                SpannedError::new(type_path.span(), "PostgreSQL has no such range type")
            });
        }
    }
    let last = type_path.path.segments.last();
    let name = last
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default();
    let original = original_name(imports, &name).unwrap_or_else(|| name.clone());
    // As in Rust, the file's own types shadow those of a glob import.
    let known = custom_types
        .get(&original)
        .cloned()
        .or_else(|| diesel_type::find(&original));
    known.ok_or_else(|| {
        let message = format!(
            "`{name}` is neither one of Diesel's PostgreSQL types nor defined in this file"
        );
        SpannedError::new(type_path.span(), message).with_hint(format!(
            "for a type of the plugin, add `#[diesel(postgres_type(name = \"…\", schema = \"…\"))] pub struct {name};` \
             to the module `sql_types`"
        ))
    })
}

/// Returns the name that a table's `use … as name` renames.
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

/// Returns the `T` of `name<T>`, or `None` for other types.
pub(super) fn type_argument<'a>(
    type_path: &'a TypePath,
    name: &str,
) -> Option<Result<&'a TypePath>> {
    let segments = &type_path.path.segments;
    let last = segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    Some(match arguments.args.first() {
        Some(GenericArgument::Type(Type::Path(argument))) => Ok(argument),
        _ => Err(SpannedError::new(
            type_path.span(),
            format!("`{name}` takes one type argument"),
        )),
    })
}
