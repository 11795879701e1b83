use std::fmt;

use super::object_kind::ObjectKind;
use crate::sql::qualified_name;

/// The kind and the name of an object. Its `Display` is what people call it: `column plugin_shop.items.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    pub(crate) kind: ObjectKind,
    /// Empty for an object that belongs to no schema.
    pub(crate) schema: String,
    /// Empty for an object that belongs to no table.
    pub(crate) table: String,
    pub(crate) name: String,
}

impl ObjectName {
    /// Returns the qualified name of the table that the object is or belongs to.
    pub(crate) fn table_sql(&self) -> String {
        let table = if self.table.is_empty() {
            &self.name
        } else {
            &self.table
        };
        qualified_name(&self.schema, table)
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
        match (table.as_str(), kind) {
            ("", ObjectKind::Schema | ObjectKind::Extension) => write!(formatter, "{kind} {name}"),
            // The name is the kind and the qualified name of the object.
            (_, ObjectKind::Comment) => write!(formatter, "comment on {name}"),
            // PostgreSQL has qualified the name where the object has a schema.
            ("", _) if schema.is_empty() => write!(formatter, "{kind} {name}"),
            ("", _) => write!(formatter, "{kind} {schema}.{name}"),
            (_, ObjectKind::Column) => write!(formatter, "{kind} {schema}.{table}.{name}"),
            (_, _) => write!(formatter, "{kind} {name} on {schema}.{table}"),
        }
    }
}
