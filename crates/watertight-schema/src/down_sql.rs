//! From what is to what was: the SQL that undoes a migration, written from two catalogs.
//!
//! Renames are undone before; this sees objects by their old names.

use crate::catalog::{Catalog, ColumnDefinition, Object, ObjectName};
use crate::names::quoted;

/// Objects that are made and dropped for themselves, in an order in which they can be made.
const KINDS: [&str; 7] = [
    "sequence",
    "table",
    "column",
    "index",
    "constraint",
    "sequence owner",
    "trigger",
];

/// The statements that lead from `after` to `before`, as far as they can be written. What cannot be is found when they
/// are tried.
pub(crate) fn statements(before: &Catalog, after: &Catalog) -> Vec<String> {
    let gone = objects_without(before, after);
    let came = objects_without(after, before);
    let table_is_among = |objects: &[(&ObjectName, &Object)], name: &ObjectName| {
        objects.iter().any(|(table, _)| {
            table.kind == "table" && table.schema == name.schema && table.name == name.table
        })
    };
    let mut statements = Vec::new();

    // What hinders other things goes first: triggers, foreign keys before the keys that they need, indexes.
    let remade = changed(after, before)
        .into_iter()
        .filter(|(name, _)| name.kind != "column");
    let between = keys_between_changed_types(before, after);
    let mut to_drop: Vec<_> = came
        .iter()
        .copied()
        .chain(remade)
        .chain(between.clone())
        .collect();
    // With a table goes all that it has, but for foreign keys to what goes before it: another table, or a key.
    let go_before: Vec<(&str, &str)> = to_drop
        .iter()
        .filter_map(|(name, object)| match name.kind.as_str() {
            "table" => Some((name.schema.as_str(), name.name.as_str())),
            "constraint" if parent(object).is_none() => Some((&name.schema, &name.table)),
            _ => None,
        })
        .collect();
    to_drop.retain(|(name, object)| {
        let leads_there = || {
            parent(object).is_some_and(|parent| {
                go_before
                    .iter()
                    .any(|(schema, table)| parent == [*schema, *table] && *table != name.table)
            })
        };
        !table_is_among(&came, name) || leads_there()
    });
    to_drop.sort_by_key(|(name, object)| order_of_drop(name, object));
    statements.extend(to_drop.iter().filter_map(|(name, _)| drop_sql(name)));

    let comes_back = |kind: &'static str| gone.iter().filter(move |(name, _)| name.kind == kind);
    for (name, object) in comes_back("sequence") {
        statements.push(format!(
            "CREATE SEQUENCE {} {};",
            name.table_in_sql(),
            object.definition
        ));
    }
    for (table, _) in comes_back("table") {
        statements.push(create_table(table, before));
    }
    for (name, object) in comes_back("column").filter(|(name, _)| !table_is_among(&gone, name)) {
        if let Some(column) = object.column() {
            statements.push(alter(
                name,
                &format!("ADD COLUMN {} {}", quoted(&name.name), column.to_sql()),
            ));
        }
    }
    for (name, old) in changed(before, after) {
        let is = after.objects.get(name).and_then(Object::column);
        if let (Some(was), Some(is)) = (old.column(), is) {
            statements.extend(column_changes(name, &was, &is));
        }
    }
    // Keys before the foreign keys that need them.
    let mut to_create: Vec<_> = gone
        .iter()
        .copied()
        .chain(changed(before, after))
        .chain(between)
        .collect();
    to_create.sort_by_key(|(name, object)| std::cmp::Reverse(order_of_drop(name, object)));
    statements.extend(
        to_create
            .iter()
            .filter_map(|(name, object)| create_sql(name, object)),
    );
    statements.extend(comments(before, after));
    statements
}

fn objects_without<'a>(all: &'a Catalog, without: &Catalog) -> Vec<(&'a ObjectName, &'a Object)> {
    let objects = all.objects.iter();
    objects
        .filter(|(name, _)| !without.objects.contains_key(name))
        .collect()
}

/// The objects of `one` that `other` has too, made otherwise.
fn changed<'a>(one: &'a Catalog, other: &Catalog) -> Vec<(&'a ObjectName, &'a Object)> {
    let objects = one.objects.iter();
    let is_changed = |name: &ObjectName, object: &Object| {
        other.objects.get(name).is_some_and(|other| other != object)
    };
    objects
        .filter(|(name, object)| is_changed(name, object))
        .collect()
}

/// The foreign keys that stay, between tables in both of which a column changes its type: in between, these may not fit.
fn keys_between_changed_types<'a>(
    before: &'a Catalog,
    after: &Catalog,
) -> Vec<(&'a ObjectName, &'a Object)> {
    let changed: Vec<&ObjectName> = changed(before, after)
        .into_iter()
        .filter(|(name, was)| {
            let is = after.objects.get(name).and_then(Object::column);
            matches!((was.column(), is), (Some(was), Some(is)) if was.sql_type != is.sql_type)
        })
        .map(|(name, _)| name)
        .collect();
    let is_changed = |schema: &str, table: &str| {
        changed
            .iter()
            .any(|name| name.schema == schema && name.table == table)
    };
    let keys = before.objects.iter().filter(|(name, key)| {
        name.kind == "constraint"
            && after.objects.get(name) == Some(key)
            && is_changed(&name.schema, &name.table)
            && parent(key).is_some_and(|parent| is_changed(&parent[0], &parent[1]))
    });
    keys.collect()
}

/// The schema and the table that a foreign key leads to; nothing for what is none.
fn parent(key: &Object) -> Option<Vec<String>> {
    let rest = key.definition.strip_prefix("FOREIGN KEY ")?;
    let (_, parent) = rest.split_once(" REFERENCES ")?;
    let (schema, rest) = first_name(parent);
    let (table, _) = first_name(rest.strip_prefix('.')?);
    Some(vec![schema, table])
}

/// Low is dropped first and made last.
fn order_of_drop(name: &ObjectName, object: &Object) -> usize {
    match name.kind.as_str() {
        "trigger" => 0,
        "constraint" if object.definition.starts_with("FOREIGN KEY") => 1,
        "constraint" => 2,
        "index" => 3,
        kind => {
            4 + KINDS
                .iter()
                .rev()
                .position(|known| *known == kind)
                .unwrap_or(KINDS.len())
        }
    }
}

fn alter(name: &ObjectName, action: &str) -> String {
    format!("ALTER TABLE {} {action};", name.table_in_sql())
}

fn drop_sql(name: &ObjectName) -> Option<String> {
    let quoted_name = quoted(&name.name);
    Some(match name.kind.as_str() {
        "trigger" => format!("DROP TRIGGER {quoted_name} ON {};", name.table_in_sql()),
        "constraint" => alter(name, &format!("DROP CONSTRAINT {quoted_name}")),
        "index" => format!("DROP INDEX {}.{quoted_name};", quoted(&name.schema)),
        "column" => alter(name, &format!("DROP COLUMN {quoted_name}")),
        "table" => format!("DROP TABLE {};", name.table_in_sql()),
        _ => return None,
    })
}

fn create_sql(name: &ObjectName, object: &Object) -> Option<String> {
    let definition = &object.definition;
    Some(match name.kind.as_str() {
        "trigger" | "index" => format!("{definition};"),
        "constraint" => alter(
            name,
            &format!("ADD CONSTRAINT {} {definition}", quoted(&name.name)),
        ),
        "sequence owner" => format!(
            "ALTER SEQUENCE {} OWNED BY {definition};",
            name.table_in_sql()
        ),
        _ => return None,
    })
}

fn create_table(table: &ObjectName, before: &Catalog) -> String {
    let of_table = |(name, _): &(&ObjectName, &Object)| {
        name.kind == "column" && name.schema == table.schema && name.table == table.name
    };
    let mut columns: Vec<_> = before.objects.iter().filter(of_table).collect();
    columns.sort_by_key(|(_, object)| object.position);
    let columns: Vec<_> = columns
        .iter()
        .filter_map(|(name, object)| {
            Some(format!(
                "    {} {}",
                quoted(&name.name),
                object.column()?.to_sql()
            ))
        })
        .collect();
    format!(
        "CREATE TABLE {} (\n{}\n);",
        table.table_in_sql(),
        columns.join(",\n")
    )
}

fn column_changes(name: &ObjectName, was: &ColumnDefinition, is: &ColumnDefinition) -> Vec<String> {
    let column = quoted(&name.name);
    let action = |action: &str| alter(name, &format!("ALTER COLUMN {column} {action}"));
    let mut statements = Vec::new();
    let type_changes = was.sql_type != is.sql_type || was.collation != is.collation;
    if type_changes && is.default.is_some() {
        statements.push(action("DROP DEFAULT"));
    }
    if type_changes {
        let collation = was
            .collation
            .as_ref()
            .map(|name| format!(" COLLATE {name}"));
        statements.push(action(&format!(
            "TYPE {}{} USING {column}::{}",
            was.sql_type,
            collation.unwrap_or_default(),
            was.sql_type
        )));
    }
    match (&was.default, &is.default) {
        (Some(default), is) if type_changes || is.as_ref() != Some(default) => {
            statements.push(action(&format!("SET DEFAULT {default}")));
        }
        (None, Some(_)) if !type_changes => statements.push(action("DROP DEFAULT")),
        _ => {}
    }
    match (was.not_null, is.not_null) {
        (true, false) => statements.push(action("SET NOT NULL")),
        (false, true) => statements.push(action("DROP NOT NULL")),
        _ => {}
    }
    if let (Some(when), None) = (&was.identity, &is.identity) {
        statements.push(action(&format!("ADD GENERATED {when} AS IDENTITY")));
    }
    statements
}

/// PostgreSQL names what a comment is on so that it can be used in the statement.
fn comments(before: &Catalog, after: &Catalog) -> Vec<String> {
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
    let come_back = come_back.filter_map(|(name, object)| {
        statement(name, &crate::names::sql_string(&object.definition))
    });
    let go = objects_without(after, before)
        .into_iter()
        .filter(|(name, _)| {
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

/// The names in what PostgreSQL calls an object, from the outside in: `a.b.c`, or `c on a.b`.
fn names_in(identity: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inner = Vec::new();
    let mut rest = identity;
    while !rest.is_empty() {
        let name;
        (name, rest) = first_name(rest);
        names.push(name);
        if let Some(table) = rest.strip_prefix(" on ") {
            inner = std::mem::take(&mut names);
            rest = table;
        } else {
            rest = rest.strip_prefix('.').unwrap_or_default();
        }
    }
    names.extend(inner);
    names
}

/// The name that a text begins with, in quotes or without, and what follows.
fn first_name(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ', '(']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, c)) = characters.next() {
        if c == '"' {
            if !quoted[index + 1..].starts_with('"') {
                return (name, &quoted[index + 1..]);
            }
            characters.next();
        }
        name.push(c);
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_what_postgresql_calls_an_object_are_found() {
        assert_eq!(names_in("a.b.c"), ["a", "b", "c"]);
        assert_eq!(names_in("c on a.b"), ["a", "b", "c"]);
        assert_eq!(
            names_in(r#""A ""x"".y".b." on ""#),
            [r#"A "x".y"#, "b", " on "]
        );
    }
}
