//! The comments that come back with a migration's undoing.

use crate::catalog::{Catalog, ObjectName};
use crate::identity::names_in;
use crate::names::sql_string;

/// PostgreSQL names what a comment is on so that it can be used in the statement.
pub(crate) fn comments(before: &Catalog, after: &Catalog) -> Vec<String> {
    let is_comment = |name: &ObjectName| name.kind.starts_with("comment on ");
    let statement = |name: &ObjectName, text: &str| {
        let kind = match &name.kind["comment on ".len()..] {
            "table column" => "COLUMN",
            "table constraint" => "CONSTRAINT",
            "table" => "TABLE",
            "index" => "INDEX",
            "trigger" => "TRIGGER",
            "sequence" => "SEQUENCE",
            _ => return None,
        };
        Some(format!("COMMENT ON {kind} {} IS {text};", name.name))
    };
    let come_back = before
        .objects
        .iter()
        .filter(|(name, object)| is_comment(name) && after.objects.get(name) != Some(object));
    let come_back =
        come_back.filter_map(|(name, object)| statement(name, &sql_string(&object.definition)));
    let go = after.without(before).into_iter().filter(|(name, _)| {
        // With what it is on goes its comment.
        is_comment(name)
            && after
                .objects
                .keys()
                .filter(|other| !is_comment(other))
                .all(|other| before.objects.contains_key(other) || !is_on(name, other))
    });
    let go: Vec<_> = go.filter_map(|(name, _)| statement(name, "NULL")).collect();
    come_back.chain(go).collect()
}

/// Whether a comment is on an object, or on something in it.
fn is_on(comment: &ObjectName, object: &ObjectName) -> bool {
    let names = names_in(&comment.name);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ObjectName {
        schema,
        table,
        name,
        ..
    } = object;
    if object.kind == "table" {
        return names.starts_with(&[schema, name]);
    }
    // An index is called by its name alone.
    names == [schema.as_str(), table, name] || names == [schema.as_str(), name]
}
