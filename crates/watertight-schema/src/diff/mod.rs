//! Compares the tables of a database with `schema.rs`.

mod diff_error;
mod rename_answer_error;
mod rename_answers;
mod renames;
mod schema_change;
mod schema_difference;

pub use diff_error::DiffError;
pub use rename_answer_error::RenameAnswerError;
pub use rename_answers::RenameAnswers;
pub use renames::RenameQuestion;
pub use schema_change::SchemaChange;

pub(crate) use renames::questions;

use crate::database::KnownTypes;
use crate::sql::type_sql;
use crate::{DatabaseTables, Schema};
use renames::{Renames, renames};
use schema_difference::SchemaDifference;

/// Returns the changes from `before` to `after`, in an order in which they can be made.
pub(crate) fn changes(
    before: &DatabaseTables,
    after: &Schema,
    known: &KnownTypes,
    answers: &RenameAnswers,
) -> Result<Vec<SchemaChange>, DiffError> {
    if let Some(table) = before
        .without_primary_key
        .iter()
        .find(|name| after.table(name).is_some())
    {
        return Err(DiffError::WithoutPrimaryKey {
            table: table.clone(),
        });
    }
    let after = &with_known_types(after, known)?;
    let renames = renames(&before.schema, after, answers)?;
    Ok(SchemaDifference::new(before, after, renames).changes())
}

/// Returns the schema with the types as the database has them.
fn with_known_types(schema: &Schema, known: &KnownTypes) -> Result<Schema, DiffError> {
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        for column in &mut table.columns {
            let sql_type = known.find(&column.sql_type);
            column.sql_type = sql_type.ok_or_else(|| DiffError::UnknownType {
                table: table.name.clone(),
                column: column.name.clone(),
                sql_type: type_sql(&column.sql_type, None),
            })?;
        }
    }
    Ok(schema)
}

impl DatabaseTables {
    /// Whether the database has everything that `schema` declares, so that nothing is lost if its `schema.rs` is printed
    /// anew from the database.
    pub fn contain(&self, schema: &Schema) -> bool {
        let changes = SchemaDifference::new(self, schema, Renames::default()).changes();
        changes.iter().all(|change| match change {
            SchemaChange::DropTable { .. }
            | SchemaChange::DropColumn { .. }
            | SchemaChange::DropForeignKey { .. } => true,
            SchemaChange::CommentOnTable { comment, .. }
            | SchemaChange::CommentOnColumn { comment, .. } => comment.is_none(),
            _ => false,
        })
    }
}
