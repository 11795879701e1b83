//! Writes `down.sql` from the catalogs before and after a migration.
//!
//! Renames are reverted first, so that both catalogs have the same names.

use std::cmp::Reverse;

use postgres_protocol::escape::escape_identifier;

use super::comment_sql::comment_statements;
use super::restorable_kind::RestorableKind;
use crate::database::{CatalogObject, ColumnDefinition, Object, ObjectKind};
use crate::{Catalog, ObjectName};

/// Returns the statements that change the database from `after` to `before`, as far as they can be written. Whether they
/// are complete is found when they are run.
pub(super) fn statements(before: &Catalog, after: &Catalog) -> Vec<String> {
    let removed = before.missing_in(after);
    let added = after.missing_in(before);
    let between = foreign_keys_between_changed_types(before, after);
    let mut statements: Vec<String> = to_drop(before, after, &added, &between)
        .into_iter()
        .filter_map(drop_sql)
        .collect();

    let removed_of = |kind: ObjectKind| removed.iter().filter(move |(name, _)| name.kind == kind);
    for (name, object) in removed_of(ObjectKind::Sequence) {
        statements.push(format!(
            "CREATE SEQUENCE {} {};",
            name.table_sql(),
            object.definition
        ));
    }
    for (table, _) in removed_of(ObjectKind::Table) {
        statements.push(create_table(table, before));
    }
    for (name, object) in removed_of(ObjectKind::Column) {
        if let Some(column) = object.column()
            && !has_table_of(&removed, name)
        {
            let name_sql = escape_identifier(&name.name);
            let action = format!("ADD COLUMN {name_sql} {}", column.to_sql());
            statements.push(alter_table(name, &action));
        }
    }
    for (name, old) in before.changed_in(after) {
        let new = after.objects.get(name).and_then(Object::column);
        if let (Some(old), Some(new)) = (old.column(), new) {
            statements.extend(column_changes(name, old, new));
        }
    }
    let mut to_create: Vec<_> = removed
        .into_iter()
        .chain(before.changed_in(after))
        .chain(between)
        .collect();
    to_create.sort_by_key(|(name, object)| Reverse(RestorableKind::of(name.kind, object)));
    statements.extend(to_create.into_iter().filter_map(create_sql));
    statements.extend(comment_statements(before, after));
    statements
}

/// Returns the objects that are dropped, in order.
fn to_drop<'a>(
    before: &'a Catalog,
    after: &'a Catalog,
    added: &[CatalogObject<'a>],
    between: &[CatalogObject<'a>],
) -> Vec<CatalogObject<'a>> {
    let recreated = after
        .changed_in(before)
        .into_iter()
        .filter(|(name, _)| name.kind != ObjectKind::Column);
    let mut to_drop: Vec<CatalogObject<'a>> = added
        .iter()
        .chain(between)
        .copied()
        .chain(recreated)
        .collect();
    // A table takes along everything that belongs to it. Only a foreign key to a table or a key that is dropped earlier
    // has to be dropped before that.
    let dropped_parents: Vec<[&str; 2]> = to_drop
        .iter()
        .filter_map(
            |(name, object)| match RestorableKind::of(name.kind, object)? {
                RestorableKind::Table => Some([name.schema.as_str(), name.name.as_str()]),
                RestorableKind::Constraint => Some([name.schema.as_str(), name.table.as_str()]),
                _ => None,
            },
        )
        .collect();
    to_drop.retain(|(name, object)| {
        let references_dropped_parent = || {
            parent(object)
                .is_some_and(|parent| dropped_parents.contains(&parent) && parent[1] != name.table)
        };
        !has_table_of(added, name) || references_dropped_parent()
    });
    to_drop.sort_by_key(|(name, object)| RestorableKind::of(name.kind, object));
    to_drop
}

/// Whether the table that an object belongs to is among `objects`.
fn has_table_of(objects: &[CatalogObject<'_>], name: &ObjectName) -> bool {
    objects.iter().any(|(table, _)| {
        table.kind == ObjectKind::Table && table.schema == name.schema && table.name == name.table
    })
}

/// Returns the unchanged foreign keys between tables in both of which the type of a column changes. Between these two
/// changes the types may not match, so the foreign keys have to be dropped and created again.
fn foreign_keys_between_changed_types<'a>(
    before: &'a Catalog,
    after: &Catalog,
) -> Vec<CatalogObject<'a>> {
    let changed: Vec<&ObjectName> = before
        .changed_in(after)
        .into_iter()
        .filter(|(name, old)| {
            let new = after.objects.get(name).and_then(Object::column);
            matches!((old.column(), new), (Some(old), Some(new)) if old.sql_type != new.sql_type)
        })
        .map(|(name, _)| name)
        .collect();
    let is_changed = |schema: &str, table: &str| {
        changed
            .iter()
            .any(|name| name.schema == schema && name.table == table)
    };
    let foreign_keys = before.objects.iter().filter(|(name, object)| {
        after.objects.get(name) == Some(object)
            && is_changed(&name.schema, &name.table)
            && parent(object).is_some_and(|[schema, table]| is_changed(schema, table))
    });
    foreign_keys.collect()
}

/// Returns the schema and the name of the table that a foreign key references, or `None` for another object.
fn parent(object: &Object) -> Option<[&str; 2]> {
    let foreign_key = object.constraint()?.foreign_key.as_ref()?;
    Some([&foreign_key.parent_schema, &foreign_key.parent])
}

fn alter_table(name: &ObjectName, action: &str) -> String {
    format!("ALTER TABLE {} {action};", name.table_sql())
}

fn drop_sql((name, object): CatalogObject<'_>) -> Option<String> {
    let name_sql = escape_identifier(&name.name);
    match RestorableKind::of(name.kind, object)? {
        RestorableKind::Trigger => {
            Some(format!("DROP TRIGGER {name_sql} ON {};", name.table_sql()))
        }
        RestorableKind::ForeignKey | RestorableKind::Constraint => {
            Some(alter_table(name, &format!("DROP CONSTRAINT {name_sql}")))
        }
        RestorableKind::Index => {
            let schema = escape_identifier(&name.schema);
            Some(format!("DROP INDEX {schema}.{name_sql};"))
        }
        RestorableKind::Column => Some(alter_table(name, &format!("DROP COLUMN {name_sql}"))),
        RestorableKind::Table => Some(format!("DROP TABLE {};", name.table_sql())),
        // `schema.rs` cannot declare a sequence, so no migration that is generated adds one.
        RestorableKind::Sequence | RestorableKind::SequenceOwner => None,
    }
}

fn create_sql((name, object): CatalogObject<'_>) -> Option<String> {
    let definition = &object.definition;
    match RestorableKind::of(name.kind, object)? {
        RestorableKind::Trigger | RestorableKind::Index => Some(format!("{definition};")),
        RestorableKind::ForeignKey | RestorableKind::Constraint => {
            let name_sql = escape_identifier(&name.name);
            let action = format!("ADD CONSTRAINT {name_sql} {definition}");
            Some(alter_table(name, &action))
        }
        RestorableKind::SequenceOwner => Some(format!(
            "ALTER SEQUENCE {} OWNED BY {definition};",
            name.table_sql()
        )),
        // Created before all others.
        RestorableKind::Column | RestorableKind::Table | RestorableKind::Sequence => None,
    }
}

fn create_table(table: &ObjectName, before: &Catalog) -> String {
    let mut columns: Vec<_> = before
        .objects
        .iter()
        .filter(|(name, _)| name.schema == table.schema && name.table == table.name)
        .filter_map(|(name, object)| Some((object.position, &name.name, object.column()?)))
        .collect();
    columns.sort_by_key(|(position, ..)| *position);
    let columns: Vec<_> = columns
        .iter()
        .map(|(_, name, column)| format!("    {} {}", escape_identifier(name), column.to_sql()))
        .collect();
    format!(
        "CREATE TABLE {} (\n{}\n);",
        table.table_sql(),
        columns.join(",\n")
    )
}

/// Returns the statements that change a column from `new` to `old`.
fn column_changes(
    name: &ObjectName,
    old: &ColumnDefinition,
    new: &ColumnDefinition,
) -> Vec<String> {
    let column = escape_identifier(&name.name);
    let alter_column = |action: &str| alter_table(name, &format!("ALTER COLUMN {column} {action}"));
    let mut statements = Vec::new();
    let type_changes = old.sql_type != new.sql_type || old.collation != new.collation;
    if type_changes && new.default.is_some() {
        statements.push(alter_column("DROP DEFAULT"));
    }
    if type_changes {
        let collation = old.collation.as_ref();
        let collation = collation.map(|name| format!(" COLLATE {name}"));
        statements.push(alter_column(&format!(
            "TYPE {}{} USING {column}::{}",
            old.sql_type,
            collation.unwrap_or_default(),
            old.sql_type
        )));
    }
    match (&old.default, &new.default) {
        (Some(default), new) if type_changes || new.as_ref() != Some(default) => {
            statements.push(alter_column(&format!("SET DEFAULT {default}")));
        }
        (None, Some(_)) if !type_changes => statements.push(alter_column("DROP DEFAULT")),
        _ => {}
    }
    match (old.not_null, new.not_null) {
        (true, false) => statements.push(alter_column("SET NOT NULL")),
        (false, true) => statements.push(alter_column("DROP NOT NULL")),
        _ => {}
    }
    if let (Some(when), None) = (&old.identity, &new.identity) {
        statements.push(alter_column(&format!("ADD GENERATED {when} AS IDENTITY")));
    }
    statements
}
