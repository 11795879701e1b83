//! From what is to what was: the SQL that undoes a migration, written from two catalogs.
//!
//! Renames are undone before; this sees objects by their old names.

use crate::catalog::{Catalog, ColumnDefinition, Named, Object, ObjectName};
use crate::comment_sql::comments;
use crate::identity::first_name;
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
    let gone = before.without(after);
    let came = after.without(before);
    let between = keys_between_changed_types(before, after);
    let to_drop = to_drop(before, after, &came, &between);
    let mut statements: Vec<_> = to_drop
        .iter()
        .filter_map(|(name, _)| drop_sql(name))
        .collect();

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
    for (name, old) in before.changed_in(after) {
        let is = after.objects.get(name).and_then(Object::column);
        if let (Some(was), Some(is)) = (old.column(), is) {
            statements.extend(column_changes(name, &was, &is));
        }
    }
    // Keys before the foreign keys that need them.
    let mut to_create: Vec<_> = gone
        .iter()
        .copied()
        .chain(before.changed_in(after))
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

/// What hinders other things goes first: triggers, foreign keys before the keys that they need, indexes.
fn to_drop<'a>(
    before: &'a Catalog,
    after: &'a Catalog,
    came: &[Named<'a>],
    between: &[Named<'a>],
) -> Vec<Named<'a>> {
    let remade = after
        .changed_in(before)
        .into_iter()
        .filter(|(name, _)| name.kind != "column");
    let mut to_drop: Vec<Named<'a>> = came.iter().chain(between).copied().chain(remade).collect();
    // With a table goes all that it has, but for foreign keys to what goes before it: another table, or a key.
    let go_before: Vec<[&str; 2]> = to_drop
        .iter()
        .filter_map(|(name, object)| match name.kind.as_str() {
            "table" => Some([name.schema.as_str(), name.name.as_str()]),
            "constraint" if parent(object).is_none() => Some([&name.schema, &name.table]),
            _ => None,
        })
        .collect();
    to_drop.retain(|(name, object)| {
        let leads_there = || {
            parent(object).is_some_and(|parent| {
                go_before
                    .iter()
                    .any(|gone| parent == *gone && gone[1] != name.table)
            })
        };
        !table_is_among(came, name) || leads_there()
    });
    to_drop.sort_by_key(|(name, object)| order_of_drop(name, object));
    to_drop
}

/// Whether the table that an object belongs to is one of these.
fn table_is_among(objects: &[Named<'_>], name: &ObjectName) -> bool {
    objects.iter().any(|(table, _)| {
        table.kind == "table" && table.schema == name.schema && table.name == name.table
    })
}

/// The foreign keys that stay, between tables in both of which a column changes its type: in between, these may not fit.
fn keys_between_changed_types<'a>(before: &'a Catalog, after: &Catalog) -> Vec<Named<'a>> {
    let changed: Vec<&ObjectName> = before
        .changed_in(after)
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
