use std::fmt;

use serde::Deserialize;

use super::column_definition::ColumnDefinition;
use super::constraint_definition::ConstraintDefinition;
use super::object_kind::ObjectKind;
use super::object_name::ObjectName;

/// An object of a catalog with its name.
pub(crate) type CatalogObject<'a> = (&'a ObjectName, &'a Object);

/// An object of a catalog.
#[derive(Clone, Debug, Eq)]
pub(crate) struct Object {
    pub(crate) definition: Definition,
    /// A column's number in its table.
    pub(crate) position: i64,
}

impl PartialEq for Object {
    /// Ignores the position: a column that was dropped can only be added again as the last one.
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

/// How an object is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    Column(ColumnDefinition),
    Comment(CommentDefinition),
    Constraint(ConstraintDefinition),
    /// SQL or other properties, depending on the kind of object. Never parsed.
    Sql(String),
}

/// A comment on an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct CommentDefinition {
    pub(crate) comment: String,
    /// `COMMENT ON … IS`, or `None` for a kind of object whose comments Watertight does not restore.
    pub(crate) statement: Option<String>,
    /// The parts of the object's name: its schema, its table if it belongs to one, and its own name.
    pub(crate) object_names: Vec<String>,
}

impl Definition {
    pub(crate) fn parse(kind: ObjectKind, definition: String) -> serde_json::Result<Self> {
        Ok(match kind {
            ObjectKind::Column => Self::Column(serde_json::from_str(&definition)?),
            ObjectKind::Comment => Self::Comment(serde_json::from_str(&definition)?),
            ObjectKind::Constraint => Self::Constraint(serde_json::from_str(&definition)?),
            _ => Self::Sql(definition),
        })
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => {
                formatter.write_str(&column.to_sql())?;
                match &column.other {
                    Some(other) => write!(formatter, " {other}"),
                    None => Ok(()),
                }
            }
            Self::Comment(CommentDefinition { comment, .. }) => formatter.write_str(comment),
            Self::Constraint(constraint) => formatter.write_str(&constraint.sql),
            Self::Sql(sql) => formatter.write_str(sql),
        }
    }
}

impl Object {
    pub(crate) fn column(&self) -> Option<&ColumnDefinition> {
        match &self.definition {
            Definition::Column(column) => Some(column),
            _ => None,
        }
    }

    pub(crate) fn comment(&self) -> Option<&CommentDefinition> {
        match &self.definition {
            Definition::Comment(comment) => Some(comment),
            _ => None,
        }
    }

    pub(crate) fn constraint(&self) -> Option<&ConstraintDefinition> {
        match &self.definition {
            Definition::Constraint(constraint) => Some(constraint),
            _ => None,
        }
    }
}
