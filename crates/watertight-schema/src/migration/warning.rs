use super::column_sql::default_sql;
use crate::SchemaChange;
use crate::database::KnownTypes;
use crate::doc_comment::is_invisible;
use crate::sql::type_sql;

/// Returns the comment that warns before the statement of a change in `up.sql`.
pub(super) fn warning_comment(change: &SchemaChange, known: &KnownTypes) -> Option<String> {
    match data_loss(change, known) {
        // Invisible characters could end the comment.
        Some(loss) => Some(format!(
            "-- Loses data: {}.\n",
            loss.replace(is_invisible, "?")
        )),
        None => precondition(change).map(|precondition| format!("-- {precondition}\n")),
    }
}

/// Describes the data that a change loses. Returns `None` if it loses none.
pub(super) fn data_loss(change: &SchemaChange, known: &KnownTypes) -> Option<String> {
    match change {
        SchemaChange::DropTable { table } => Some(format!("drops the table {table}")),
        SchemaChange::DropColumn { table, column } => {
            Some(format!("drops the column {table}.{column}"))
        }
        SchemaChange::AlterType {
            table,
            column,
            from,
            to,
        } if !known.widens(from, to) => Some(format!(
            "changes {table}.{column} from {} to {}, which may not hold every value",
            type_sql(&from.0, from.1),
            type_sql(&to.0, to.1)
        )),
        _ => None,
    }
}

/// Returns what the rows of the table have to meet so that a change does not fail.
fn precondition(change: &SchemaChange) -> Option<&'static str> {
    match change {
        SchemaChange::AddColumn { column, .. }
            if !column.nullable && default_sql(column, false).is_none() =>
        {
            Some(
                "Fails if the table has rows: add a DEFAULT for them, which can be dropped afterwards.",
            )
        }
        SchemaChange::SetNotNull { .. } => {
            Some("Fails if the column contains NULLs: replace them first.")
        }
        _ => None,
    }
}
