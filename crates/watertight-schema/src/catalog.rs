//! Everything that a database holds besides its rows, to be compared.

use std::collections::BTreeMap;
use std::fmt;

use diesel::RunQueryDsl as _;
use diesel::sql_query;
use serde::Deserialize;

use crate::names::quoted;
use crate::session::{self, PgSession, ReadError};

const OBJECTS: &str = include_str!("sql/objects.sql");

/// All objects of a database that are neither PostgreSQL's own nor an extension's, but for the migrations' histories.
///
/// Two catalogs are equal when the databases differ at most in their rows, in the order of a table's columns, and in
/// what roles there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    pub(crate) objects: BTreeMap<ObjectName, Object>,
}

/// What an object is and how it is called. Shown, it is what a person would call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    pub(crate) kind: String,
    pub(crate) schema: String,
    /// Empty where the object belongs to no table.
    pub(crate) table: String,
    pub(crate) name: String,
}

/// An object of a catalog.
pub(crate) type Named<'a> = (&'a ObjectName, &'a Object);

/// How an object is made.
#[derive(Clone, Debug, Eq)]
pub(crate) struct Object {
    pub(crate) definition: String,
    /// A column's place among the columns.
    pub(crate) position: i64,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        // A column that was dropped comes back as the last one: PostgreSQL cannot put it elsewhere.
        self.definition == other.definition
    }
}

/// A column as it is made. Every text is SQL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ColumnDefinition {
    #[serde(rename = "type")]
    pub(crate) sql_type: String,
    pub(crate) collation: Option<String>,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    pub(crate) generated: Option<String>,
    /// `ALWAYS` or `BY DEFAULT`.
    pub(crate) identity: Option<String>,
    /// What cannot be written: rights, storage.
    pub(crate) other: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    schema: String,
    table: String,
    name: String,
    definition: String,
    position: i64,
}

/// How one object differs between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the second has it.
    Added(ObjectName),
    /// Only the first has it.
    Missing(ObjectName),
    /// Both have it.
    Changed {
        /// Which.
        object: ObjectName,
        /// How the first has it made.
        before: String,
        /// How the second has it made.
        after: String,
    },
}

impl Catalog {
    /// Reads the catalog, in a transaction of its own.
    pub fn read<C: PgSession>(connection: &mut C) -> Result<Self, ReadError> {
        let rows: Vec<Row> = connection.transaction(|connection| {
            // With an empty path, definitions name everything with its schema.
            sql_query("SET LOCAL search_path TO ''").execute(connection)?;
            session::document(connection, OBJECTS, None)
        })?;
        let objects = rows.into_iter().map(|row| {
            let name = ObjectName {
                kind: row.kind,
                schema: row.schema,
                table: row.table,
                name: row.name,
            };
            let object = Object {
                definition: row.definition,
                position: row.position,
            };
            (name, object)
        });
        Ok(Self {
            objects: objects.collect(),
        })
    }

    /// How `other` differs from this one. Of a table that only one of them has, its columns and whatever else belongs to
    /// it are not told.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (name, before) in &self.objects {
            match other.objects.get(name) {
                None if other.has_table_of(name) => {
                    differences.push(Difference::Missing(name.clone()));
                }
                Some(after) if after != before => differences.push(Difference::Changed {
                    object: name.clone(),
                    before: before.definition.clone(),
                    after: after.definition.clone(),
                }),
                _ => {}
            }
        }
        let added = other
            .objects
            .keys()
            .filter(|name| !self.objects.contains_key(name));
        let added = added.filter(|name| self.has_table_of(name));
        differences.extend(added.cloned().map(Difference::Added));
        differences
    }

    /// Whether the table that an object belongs to is here; so it is for what belongs to none.
    fn has_table_of(&self, name: &ObjectName) -> bool {
        name.table.is_empty()
            || self.objects.keys().any(|other| {
                other.table.is_empty() && other.schema == name.schema && other.name == name.table
            })
    }

    /// The objects that `other` does not have.
    pub(crate) fn without(&self, other: &Self) -> Vec<Named<'_>> {
        let objects = self.objects.iter();
        objects
            .filter(|(name, _)| !other.objects.contains_key(name))
            .collect()
    }

    /// The objects that `other` has too, made otherwise.
    pub(crate) fn changed_in(&self, other: &Self) -> Vec<Named<'_>> {
        let is_changed = |(name, object): &Named<'_>| {
            other
                .objects
                .get(name)
                .is_some_and(|other| other != *object)
        };
        self.objects.iter().filter(is_changed).collect()
    }

    pub(crate) fn column(&self, schema: &str, table: &str, name: &str) -> Option<ColumnDefinition> {
        self.find("column", schema, table, name)?.column()
    }

    pub(crate) fn constraint(&self, schema: &str, table: &str, name: &str) -> Option<&str> {
        Some(&self.find("constraint", schema, table, name)?.definition)
    }

    fn find(&self, kind: &str, schema: &str, table: &str, name: &str) -> Option<&Object> {
        self.objects.get(&ObjectName {
            kind: kind.to_owned(),
            schema: schema.to_owned(),
            table: table.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl Object {
    pub(crate) fn column(&self) -> Option<ColumnDefinition> {
        serde_json::from_str(&self.definition).ok()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            schema,
            table,
            name,
        } = self;
        match (table.as_str(), kind.as_str()) {
            ("", "schema" | "extension") => write!(formatter, "{kind} {name}"),
            // PostgreSQL has put the schema into the name.
            ("", _) if schema.is_empty() || kind.starts_with("comment on") => {
                write!(formatter, "{kind} {name}")
            }
            ("", _) => write!(formatter, "{kind} {schema}.{name}"),
            (_, "column") => write!(formatter, "column {schema}.{table}.{name}"),
            (_, _) => write!(formatter, "{kind} {name} on {schema}.{table}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(object) => write!(formatter, "{object} is left over"),
            Self::Missing(object) => write!(formatter, "{object} is missing"),
            Self::Changed {
                object,
                before,
                after,
            } => write!(
                formatter,
                "{object} was {} and is {}",
                shown(before),
                shown(after)
            ),
        }
    }
}

/// A definition in a line, or the part of it that differs in a column.
fn shown(definition: &str) -> String {
    let text = match serde_json::from_str::<ColumnDefinition>(definition) {
        Ok(column) => [Some(column.to_sql()), column.other]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        Err(_) => definition.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    if text.is_empty() {
        "ordinary".to_owned()
    } else {
        format!("`{text}`")
    }
}

impl ColumnDefinition {
    /// As it stands in `CREATE TABLE`, behind the name.
    pub(crate) fn to_sql(&self) -> String {
        let collation = self
            .collation
            .as_ref()
            .map(|name| format!("COLLATE {name}"));
        let generated = self.generated.as_ref();
        let generated =
            generated.map(|expression| format!("GENERATED ALWAYS AS ({expression}) STORED"));
        let default = self
            .default
            .as_ref()
            .map(|default| format!("DEFAULT {default}"));
        let identity = self.identity.as_ref();
        let identity = identity.map(|when| format!("GENERATED {when} AS IDENTITY"));
        let not_null = self.not_null.then(|| "NOT NULL".to_owned());
        let parts = [
            Some(self.sql_type.clone()),
            collation,
            generated,
            default,
            identity,
            not_null,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl ObjectName {
    /// The table that it is, or belongs to, in SQL.
    pub(crate) fn table_in_sql(&self) -> String {
        let table = if self.table.is_empty() {
            &self.name
        } else {
            &self.table
        };
        format!("{}.{}", quoted(&self.schema), quoted(table))
    }
}
