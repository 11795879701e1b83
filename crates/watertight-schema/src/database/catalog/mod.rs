//! Snapshots of all objects of a database.

mod catalog_difference;
mod column_definition;
mod constraint_definition;
mod object;
mod object_kind;
mod object_name;

use std::collections::BTreeMap;

use diesel::RunQueryDsl as _;
use diesel::sql_query;
use serde::Deserialize;

pub use catalog_difference::CatalogDifference;
pub use object_name::ObjectName;

pub(crate) use column_definition::ColumnDefinition;
pub(crate) use constraint_definition::ConstraintDefinition;
pub(crate) use object::{CatalogObject, Object};
pub(crate) use object_kind::ObjectKind;

use super::catalog_error::CatalogError;
use super::query::{CatalogConnection, query_document};
use object::Definition;

const OBJECTS: &str = include_str!("objects.sql");

/// A snapshot of all objects of a database, except PostgreSQL's own, those of extensions, and the migration histories.
///
/// Two catalogs are equal if the databases differ at most in their rows, in their roles, and in the order of a table's
/// columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    pub(crate) objects: BTreeMap<ObjectName, Object>,
}

#[derive(Deserialize)]
struct Row {
    kind: ObjectKind,
    schema: String,
    table: String,
    name: String,
    definition: String,
    position: i64,
}

impl Catalog {
    /// Reads the catalog of a database in a transaction of its own.
    ///
    /// # Errors
    ///
    /// Fails if the query fails, or if it returns a kind of object that Watertight does not know.
    pub fn read<C: CatalogConnection>(connection: &mut C) -> Result<Self, CatalogError> {
        let rows: Vec<Row> = connection.transaction(|connection| {
            // With an empty search path, PostgreSQL qualifies every name in a definition.
            sql_query("SET LOCAL search_path TO ''").execute(connection)?;
            query_document(connection, OBJECTS, None)
        })?;
        let mut objects = BTreeMap::new();
        for row in rows {
            let object = Object {
                definition: Definition::parse(row.kind, row.definition)?,
                position: row.position,
            };
            let name = ObjectName {
                kind: row.kind,
                schema: row.schema,
                table: row.table,
                name: row.name,
            };
            objects.insert(name, object);
        }
        Ok(Self { objects })
    }

    /// Returns how `other` differs from this catalog. A table that only one of them has is one difference: its columns,
    /// constraints and indexes are not listed.
    pub fn differences(&self, other: &Self) -> Vec<CatalogDifference> {
        let mut differences = Vec::new();
        for (name, before) in &self.objects {
            match other.objects.get(name) {
                None if other.has_table_of(name) => {
                    differences.push(CatalogDifference::Missing(name.clone()));
                }
                Some(after) if after != before => differences.push(CatalogDifference::Changed {
                    object: name.clone(),
                    before: before.definition.to_string(),
                    after: after.definition.to_string(),
                }),
                _ => {}
            }
        }
        let added = other
            .objects
            .keys()
            .filter(|name| !self.objects.contains_key(name));
        let added = added.filter(|name| self.has_table_of(name));
        differences.extend(added.cloned().map(CatalogDifference::Added));
        differences
    }

    /// Whether the table of an object is in this catalog. True for an object that belongs to no table.
    fn has_table_of(&self, name: &ObjectName) -> bool {
        name.table.is_empty()
            || self.objects.keys().any(|other| {
                other.table.is_empty() && other.schema == name.schema && other.name == name.table
            })
    }

    /// Returns the objects that `other` does not have.
    pub(crate) fn missing_in(&self, other: &Self) -> Vec<CatalogObject<'_>> {
        let objects = self.objects.iter();
        objects
            .filter(|(name, _)| !other.objects.contains_key(name))
            .collect()
    }

    /// Returns the objects that `other` has with another definition.
    pub(crate) fn changed_in(&self, other: &Self) -> Vec<CatalogObject<'_>> {
        let is_changed = |(name, object): &CatalogObject<'_>| {
            let other = other.objects.get(name);
            other.is_some_and(|other| other != *object)
        };
        self.objects.iter().filter(is_changed).collect()
    }

    pub(crate) fn column(
        &self,
        schema: &str,
        table: &str,
        name: &str,
    ) -> Option<&ColumnDefinition> {
        self.find(ObjectKind::Column, schema, table, name)?.column()
    }

    pub(crate) fn constraint(
        &self,
        schema: &str,
        table: &str,
        name: &str,
    ) -> Option<&ConstraintDefinition> {
        self.find(ObjectKind::Constraint, schema, table, name)?
            .constraint()
    }

    fn find(&self, kind: ObjectKind, schema: &str, table: &str, name: &str) -> Option<&Object> {
        self.objects.get(&ObjectName {
            kind,
            schema: schema.to_owned(),
            table: table.to_owned(),
            name: name.to_owned(),
        })
    }
}
