use watertight_schema::SchemaChange;

use crate::generator::migration_name;

/// Returns a name for a migration with these changes.
pub(super) fn of(changes: &[SchemaChange]) -> String {
    let is_comment = |change: &&SchemaChange| {
        matches!(
            change,
            SchemaChange::CommentOnTable { .. } | SchemaChange::CommentOnColumn { .. }
        )
    };
    let (comments, others): (Vec<_>, Vec<_>) = changes.iter().partition(is_comment);
    let changes = if others.is_empty() { comments } else { others };
    let mut tables: Vec<&str> = changes.iter().map(|change| change.table()).collect();
    let mut seen = Vec::new();
    tables.retain(|table| {
        let is_new = !seen.contains(table);
        seen.push(*table);
        is_new
    });
    let created = |table: &&str| {
        changes
            .iter()
            .any(|change| matches!(change, SchemaChange::CreateTable(new) if new.name == **table))
    };
    let words = match changes.as_slice() {
        [SchemaChange::AddColumn { table, column }] => format!("add {} to {table}", column.name),
        [SchemaChange::DropColumn { table, column }] => format!("drop {column} from {table}"),
        [SchemaChange::DropTable { table }] => format!("drop {table}"),
        [SchemaChange::RenameTable { from, to }] => format!("rename {from} to {to}"),
        [SchemaChange::RenameColumn { table, from, to }] => {
            format!("rename {from} to {to} in {table}")
        }
        _ if tables.len() > 3 => "change schema".to_owned(),
        _ if tables.iter().all(created) => format!("create {}", tables.join(" and ")),
        _ => format!("change {}", tables.join(" and ")),
    };
    // Tables can have names that are not valid here.
    migration_name::parse(&words).unwrap_or_else(|_| "change_schema".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_named_after_its_changes() {
        let drop = |table: &str| SchemaChange::DropTable {
            table: table.to_owned(),
        };
        let column = |table: &str| SchemaChange::DropNotNull {
            table: table.to_owned(),
            column: "a".to_owned(),
        };
        assert_eq!(of(&[drop("items")]), "drop_items");
        assert_eq!(
            of(&[column("a"), column("b"), column("a")]),
            "change_a_and_b"
        );
        assert_eq!(of(&["a", "b", "c", "d"].map(column)), "change_schema");
        assert_eq!(of(&[drop("../x")]), "change_schema");
    }
}
