use crate::Catalog;
use crate::database::{CatalogObject, Object, ObjectKind};
use crate::sql::comment_literal;

/// Returns the statements that restore the comments of `before`.
pub(super) fn comment_statements(before: &Catalog, after: &Catalog) -> Vec<String> {
    let restored = before
        .objects
        .iter()
        .filter(|(name, object)| after.objects.get(name) != Some(object))
        .filter_map(|(_, object)| {
            let definition = object.comment()?;
            statement(object, Some(&definition.comment))
        });
    let removed = after
        .missing_in(before)
        .into_iter()
        .filter(|(_, comment)| is_on_kept_object(comment, before, after))
        .filter_map(|(_, object)| statement(object, None));
    restored.chain(removed).collect()
}

fn statement(object: &Object, comment: Option<&str>) -> Option<String> {
    let statement = object.comment()?.statement.as_ref()?;
    Some(format!("{statement} {};", comment_literal(comment)))
}

/// Whether the object of a comment is also in `before`. Otherwise it is dropped, and its comment with it.
fn is_on_kept_object(comment: &Object, before: &Catalog, after: &Catalog) -> bool {
    let dropped = after.missing_in(before);
    !dropped.iter().any(|object| is_on(comment, *object))
}

/// Whether a comment is on an object, or on a part of a table.
fn is_on(comment: &Object, (name, object): CatalogObject<'_>) -> bool {
    let Some(comment) = comment.comment() else {
        return false;
    };
    if object.comment().is_some() {
        return false;
    }
    let names: Vec<&str> = comment.object_names.iter().map(String::as_str).collect();
    if name.kind == ObjectKind::Table {
        return names.starts_with(&[&name.schema, &name.name]);
    }
    // The name of an index does not include its table.
    names == [&name.schema, &name.table, &name.name] || names == [&name.schema, &name.name]
}
