use super::renames::{Renames, pairs};
use super::schema_change::SchemaChange;
use crate::database::ForeignKey;
use crate::doc_comment::as_documented;
use crate::{Column, DatabaseTables, Join, Schema, SqlType, Table};

/// Two versions of a schema that are compared.
pub(super) struct SchemaDifference<'a> {
    before: &'a DatabaseTables,
    after: &'a Schema,
    renames: Renames,
}

impl<'a> SchemaDifference<'a> {
    pub(super) fn new(before: &'a DatabaseTables, after: &'a Schema, renames: Renames) -> Self {
        Self {
            before,
            after,
            renames,
        }
    }

    /// Returns the changes in an order in which they can be made.
    pub(super) fn changes(&self) -> Vec<SchemaChange> {
        let mut changes = self.renames();
        changes.extend(self.foreign_keys_to_drop());
        // Early, so that the foreign keys of these tables do not prevent later changes.
        changes.extend(self.tables_to_drop());
        changes.extend(self.primary_keys_to_drop());
        changes.extend(self.tables_to_create());
        for (old, new) in self.pairs() {
            changes.extend(self.columns(old, new));
        }
        for (old, new) in self.pairs() {
            changes.extend(self.columns_to_drop(old, new));
        }
        changes.extend(self.foreign_keys_to_restore());
        changes.extend(self.foreign_keys_to_add());
        changes.extend(self.comments());
        changes
    }

    /// Returns the tables that are kept, each before and after.
    fn pairs(&self) -> impl Iterator<Item = (&'a Table, &'a Table)> + use<'a, '_> {
        pairs(&self.before.schema, self.after, &self.renames.tables)
    }

    /// Returns the new name of a table, or `None` if it is dropped.
    fn table_name(&self, old: &str) -> Option<&'a str> {
        let mut pairs = self.pairs();
        let (_, new) = pairs.find(|(table, _)| table.name == old)?;
        Some(&new.name)
    }

    /// Returns the new name of a column. `table` is the new name of its table.
    fn column_name(&self, table: &str, old: &str) -> String {
        let mut columns = self.renames.columns.iter();
        let renamed = columns.find(|(of, from, _)| of == table && from == old);
        renamed.map_or_else(|| old.to_owned(), |(_, _, to)| to.clone())
    }

    /// Returns the primary key of a table with the new names of its columns.
    fn primary_key(&self, old: &Table) -> Vec<String> {
        let table = self.table_name(&old.name).unwrap_or_default();
        old.primary_key
            .iter()
            .map(|column| self.column_name(table, column))
            .collect()
    }

    fn renames(&self) -> Vec<SchemaChange> {
        let tables = self.renames.tables.iter();
        let columns = self.renames.columns.iter();
        let tables = tables.map(|(from, to)| SchemaChange::RenameTable {
            from: from.clone(),
            to: to.clone(),
        });
        let columns = columns.map(|(table, from, to)| SchemaChange::RenameColumn {
            table: table.clone(),
            from: from.clone(),
            to: to.clone(),
        });
        tables.chain(columns).collect()
    }

    /// Returns a foreign key as a join with new names, or `None` if it has several columns or one of its tables is dropped.
    fn as_join(&self, key: &ForeignKey) -> Option<Join> {
        let child = self.table_name(&key.child)?;
        let [column] = key.columns.as_slice() else {
            return None;
        };
        Some(Join {
            child: child.to_owned(),
            parent: self.table_name(&key.parent)?.to_owned(),
            column: self.column_name(child, column),
        })
    }

    /// Whether the table that a foreign key references is dropped, or the primary key that it references changes.
    fn loses_parent_key(&self, key: &ForeignKey) -> bool {
        let Some((old, new)) = self.pairs().find(|(old, _)| old.name == key.parent) else {
            return true;
        };
        old.primary_key == key.parent_columns && self.primary_key(old) != new.primary_key
    }

    /// Whether a foreign key is dropped: what it references is dropped, or `schema.rs` no longer declares it.
    fn is_dropped(&self, key: &ForeignKey) -> bool {
        let was_join = self.before.schema.joins.iter().any(|join| {
            join.child == key.child
                && join.parent == key.parent
                && key.columns == [join.column.clone()]
        });
        let is_join = || {
            self.as_join(key)
                .is_some_and(|join| self.after.joins.contains(&join))
        };
        self.loses_parent_key(key) || was_join && !is_join()
    }

    /// Whether a foreign key is kept while the types at both its ends change. Between these two changes the types do not
    /// match, so the foreign key has to be dropped and added again.
    fn changes_at_both_ends(&self, key: &ForeignKey) -> bool {
        let changes = |table: &str, column: &str| {
            let pair = self
                .pairs()
                .find(|(old, new)| old.name == table && new.name == table);
            let columns =
                pair.and_then(|(old, new)| Some((old.column(column)?, new.column(column)?)));
            // Not renamed ones, which the old definition does not fit.
            columns.is_some_and(|(old, new)| !old.sql_type.matches(&new.sql_type))
        };
        let mut ends = key.columns.iter().zip(&key.parent_columns);
        !self.is_dropped(key)
            && ends.any(|(column, parent_column)| {
                changes(&key.child, column) && changes(&key.parent, parent_column)
            })
    }

    fn foreign_keys_to_restore(&self) -> Vec<SchemaChange> {
        let keys = self.before.foreign_keys.iter();
        keys.filter(|key| self.changes_at_both_ends(key))
            .map(|key| SchemaChange::RestoreForeignKey {
                table: key.child.clone(),
                constraint: key.name.clone(),
            })
            .collect()
    }

    fn foreign_keys_to_drop(&self) -> Vec<SchemaChange> {
        let keys = self.before.foreign_keys.iter();
        let keys = keys.filter(|key| self.is_dropped(key) || self.changes_at_both_ends(key));
        // A dropped table takes its foreign keys along, but the table that they reference may be dropped before it.
        let keys = keys.filter(|key| {
            self.table_name(&key.child).is_some()
                || self.table_name(&key.parent).is_none() && key.child != key.parent
        });
        keys.map(|key| SchemaChange::DropForeignKey {
            table: self.table_name(&key.child).unwrap_or(&key.child).to_owned(),
            constraint: key.name.clone(),
        })
        .collect()
    }

    fn foreign_keys_to_add(&self) -> Vec<SchemaChange> {
        let kept: Vec<Join> = self
            .before
            .foreign_keys
            .iter()
            .filter(|key| !self.is_dropped(key))
            .filter_map(|key| self.as_join(key))
            .collect();
        let joins = self.after.joins.iter().filter(|join| !kept.contains(join));
        joins
            .filter_map(|join| {
                Some(SchemaChange::AddForeignKey {
                    join: join.clone(),
                    parent_column: self.after.table(&join.parent)?.primary_key.first()?.clone(),
                })
            })
            .collect()
    }

    fn primary_keys_to_drop(&self) -> Vec<SchemaChange> {
        let changed = self
            .pairs()
            .filter(|(old, new)| self.primary_key(old) != new.primary_key);
        changed
            .filter_map(|(old, new)| {
                let mut primary_keys = self.before.primary_keys.iter();
                let (_, constraint) = primary_keys.find(|(table, _)| *table == old.name)?;
                Some(SchemaChange::DropPrimaryKey {
                    table: new.name.clone(),
                    constraint: constraint.clone(),
                })
            })
            .collect()
    }

    fn tables_to_create(&self) -> Vec<SchemaChange> {
        let exists = |table: &Table| self.pairs().any(|(_, new)| new.name == table.name);
        let tables = self.after.tables.iter();
        let new = tables.filter(|table| !exists(table));
        new.cloned().map(SchemaChange::CreateTable).collect()
    }

    /// Returns the changes to the columns of a table, except for dropped columns.
    fn columns(&self, old: &Table, new: &Table) -> Vec<SchemaChange> {
        let table = &new.name;
        let mut changes = Vec::new();
        let old_column = |column: &Column| {
            let mut columns = old.columns.iter();
            columns.find(|old| self.column_name(table, &old.name) == column.name)
        };
        for column in &new.columns {
            let Some(old) = old_column(column) else {
                changes.push(SchemaChange::AddColumn {
                    table: table.clone(),
                    column: column.clone(),
                });
                continue;
            };
            if !old.sql_type.matches(&column.sql_type) || old.max_length != column.max_length {
                changes.push(SchemaChange::AlterType {
                    table: table.clone(),
                    column: column.name.clone(),
                    from: full_type(old),
                    to: full_type(column),
                });
            }
            let (table, name) = (table.clone(), column.name.clone());
            match (old.nullable, column.nullable) {
                (true, false) => changes.push(SchemaChange::SetNotNull {
                    table,
                    column: name,
                }),
                (false, true) => changes.push(SchemaChange::DropNotNull {
                    table,
                    column: name,
                }),
                _ => {}
            }
        }
        if self.primary_key(old) != new.primary_key {
            changes.push(SchemaChange::AddPrimaryKey {
                table: table.clone(),
                columns: new.primary_key.clone(),
            });
        }
        changes
    }

    fn columns_to_drop(&self, old: &Table, new: &Table) -> Vec<SchemaChange> {
        let names = old
            .columns
            .iter()
            .map(|old| self.column_name(&new.name, &old.name));
        names
            .filter(|name| new.column(name).is_none())
            .map(|column| SchemaChange::DropColumn {
                table: new.name.clone(),
                column,
            })
            .collect()
    }

    fn tables_to_drop(&self) -> Vec<SchemaChange> {
        let tables = self.before.schema.tables.iter();
        let removed = tables.filter(|table| self.table_name(&table.name).is_none());
        removed
            .map(|table| SchemaChange::DropTable {
                table: table.name.clone(),
            })
            .collect()
    }

    fn comments(&self) -> Vec<SchemaChange> {
        let mut changes = Vec::new();
        for new in &self.after.tables {
            let old = self
                .pairs()
                .find(|(_, table)| table.name == new.name)
                .map(|(old, _)| old);
            let documented = |comment: Option<&String>| comment.and_then(|c| as_documented(c));
            if documented(old.and_then(|old| old.comment.as_ref()))
                != documented(new.comment.as_ref())
            {
                changes.push(SchemaChange::CommentOnTable {
                    table: new.name.clone(),
                    comment: new.comment.clone(),
                });
            }
            for column in &new.columns {
                let mut columns = old.into_iter().flat_map(|old| &old.columns);
                let old_column =
                    columns.find(|old| self.column_name(&new.name, &old.name) == column.name);
                if documented(old_column.and_then(|old| old.comment.as_ref()))
                    != documented(column.comment.as_ref())
                {
                    changes.push(SchemaChange::CommentOnColumn {
                        table: new.name.clone(),
                        column: column.name.clone(),
                        comment: column.comment.clone(),
                    });
                }
            }
        }
        changes
    }
}

fn full_type(column: &Column) -> (SqlType, Option<u64>) {
    (column.sql_type.clone(), column.max_length)
}
