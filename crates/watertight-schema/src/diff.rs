//! From the tables that there are to the steps that make them what `schema.rs` says.

use crate::known_types::KnownTypes;
use crate::print::as_documented;
use crate::renames::{self, AnswerError, Answers, Renames};
use crate::tables::{ForeignKey, Tables};
use crate::types;
use crate::{Change, Column, Join, Schema, SqlType, Table};

/// Why no migration can lead from the tables to `schema.rs`.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// An answer does not fit.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A column has a type that is not there.
    #[error(
        "failed to give `{table}.{column}` its type: PostgreSQL has no type {sql_type} after the plugin's migrations; \
         create it first, in a migration of your own (`cargo xtask new-migration`), or correct its name in schema.rs"
    )]
    UnknownType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type, in SQL.
        sql_type: String,
    },
    /// Diesel cannot use the table as it is.
    #[error(
        "failed to compare `{table}`: the migrations make it without a primary key, so schema.rs cannot have it; take \
         it out of schema.rs, or give it a key in a migration of your own (`cargo xtask new-migration`)"
    )]
    WithoutPrimaryKey {
        /// The table.
        table: String,
    },
}

/// The steps from `before` to `after`, in an order in which they can be taken; none when they are equal.
pub(crate) fn changes(
    before: &Tables,
    after: &Schema,
    known: &KnownTypes,
    answers: &Answers,
) -> Result<Vec<Change>, DiffError> {
    if let Some(table) = before
        .without_primary_key
        .iter()
        .find(|name| after.table(name).is_some())
    {
        return Err(DiffError::WithoutPrimaryKey {
            table: table.clone(),
        });
    }
    let after = &with_types(after, known)?;
    let renames = renames::renames(&before.schema, after, answers)?;
    Ok(steps(before, after, renames))
}

fn steps(before: &Tables, after: &Schema, renames: Renames) -> Vec<Change> {
    let difference = Difference {
        before,
        after,
        renames,
    };
    let mut changes = difference.renames();
    changes.extend(difference.foreign_keys_to_drop());
    // Early, so that their foreign keys hinder nothing.
    changes.extend(difference.tables_to_drop());
    let key_changes = difference
        .pairs()
        .filter(|(old, new)| difference.key(old) != new.primary_key);
    for (old, new) in key_changes {
        changes.extend(difference.drop_key(old, new));
    }
    let is_there = |table: &&Table| difference.pairs().any(|(_, new)| new.name == table.name);
    let new_tables = after.tables.iter().filter(|table| !is_there(table));
    changes.extend(new_tables.cloned().map(Change::CreateTable));
    for (old, new) in difference.pairs() {
        changes.extend(difference.columns(old, new));
    }
    for (old, new) in difference.pairs() {
        changes.extend(difference.columns_to_drop(old, new));
    }
    changes.extend(difference.foreign_keys_to_restore());
    changes.extend(difference.foreign_keys_to_add());
    changes.extend(difference.comments());
    changes
}

/// `schema.rs` with every type as the database has it.
fn with_types(schema: &Schema, known: &KnownTypes) -> Result<Schema, DiffError> {
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        for column in &mut table.columns {
            column.sql_type =
                known
                    .find(&column.sql_type)
                    .ok_or_else(|| DiffError::UnknownType {
                        table: table.name.clone(),
                        column: column.name.clone(),
                        sql_type: types::in_sql(&column.sql_type, None),
                    })?;
        }
    }
    Ok(schema)
}

struct Difference<'a> {
    before: &'a Tables,
    after: &'a Schema,
    renames: Renames,
}

impl<'a> Difference<'a> {
    /// The tables that stay, as they are and as they are to be.
    fn pairs(&self) -> impl Iterator<Item = (&'a Table, &'a Table)> + use<'a, '_> {
        renames::pairs(&self.before.schema, self.after, &self.renames.tables)
    }

    /// The new name of a table; none when it goes.
    fn table_name(&self, old: &str) -> Option<&'a str> {
        let mut pairs = self.pairs();
        let (_, new) = pairs.find(|(table, _)| table.name == old)?;
        Some(&new.name)
    }

    /// The name that a column has now, in a table that has its new name.
    fn column_name(&self, table: &str, old: &str) -> String {
        let mut columns = self.renames.columns.iter();
        let renamed = columns.find(|(of, from, _)| of == table && from == old);
        renamed.map_or_else(|| old.to_owned(), |(_, _, to)| to.clone())
    }

    /// A table's primary key, with the columns' new names.
    fn key(&self, old: &Table) -> Vec<String> {
        let table = self.table_name(&old.name).unwrap_or_default();
        old.primary_key
            .iter()
            .map(|column| self.column_name(table, column))
            .collect()
    }

    fn renames(&self) -> Vec<Change> {
        let tables = self.renames.tables.iter();
        let columns = self.renames.columns.iter();
        let tables = tables.map(|(from, to)| Change::RenameTable {
            from: from.clone(),
            to: to.clone(),
        });
        let columns = columns.map(|(table, from, to)| Change::RenameColumn {
            table: table.clone(),
            from: from.clone(),
            to: to.clone(),
        });
        tables.chain(columns).collect()
    }

    /// A foreign key as a join with new names; none when a table goes, or it has several columns.
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

    /// Whether what a foreign key leads to goes: the table, or its primary key.
    fn loses_parent(&self, key: &ForeignKey) -> bool {
        let Some((old, new)) = self.pairs().find(|(old, _)| old.name == key.parent) else {
            return true;
        };
        old.primary_key == key.parent_columns && self.key(old) != new.primary_key
    }

    /// Whether a foreign key cannot stay: what it leads to goes, or `schema.rs` says it no more.
    fn goes(&self, key: &ForeignKey) -> bool {
        let said = self.before.schema.joins.iter().any(|join| {
            join.child == key.child
                && join.parent == key.parent
                && key.columns == [join.column.clone()]
        });
        let is_unsaid = || {
            self.as_join(key)
                .is_none_or(|join| !self.after.joins.contains(&join))
        };
        self.loses_parent(key) || said && is_unsaid()
    }

    /// Whether a foreign key stays, but the types at both its ends change: in between, they do not fit.
    fn changes_at_both_ends(&self, key: &ForeignKey) -> bool {
        let changes = |table: &str, column: &str| {
            let pair = self
                .pairs()
                .find(|(old, new)| old.name == table && new.name == table);
            let columns =
                pair.and_then(|(old, new)| Some((old.column(column)?, new.column(column)?)));
            // With another name, its definition would be another too.
            columns.is_some_and(|(old, new)| !old.sql_type.is(&new.sql_type))
        };
        let mut ends = key.columns.iter().zip(&key.parent_columns);
        !self.goes(key)
            && ends.any(|(column, parent_column)| {
                changes(&key.child, column) && changes(&key.parent, parent_column)
            })
    }

    fn foreign_keys_to_restore(&self) -> Vec<Change> {
        let keys = self.before.foreign_keys.iter();
        keys.filter(|key| self.changes_at_both_ends(key))
            .map(|key| Change::RestoreForeignKey {
                table: key.child.clone(),
                constraint: key.name.clone(),
            })
            .collect()
    }

    fn foreign_keys_to_drop(&self) -> Vec<Change> {
        let keys = self.before.foreign_keys.iter();
        let keys = keys.filter(|key| self.goes(key) || self.changes_at_both_ends(key));
        // With a table go its own keys; but not before the table that they lead to, if that goes too.
        let keys = keys.filter(|key| {
            self.table_name(&key.child).is_some()
                || self.table_name(&key.parent).is_none() && key.child != key.parent
        });
        keys.map(|key| Change::DropForeignKey {
            table: self.table_name(&key.child).unwrap_or(&key.child).to_owned(),
            constraint: key.name.clone(),
        })
        .collect()
    }

    fn foreign_keys_to_add(&self) -> Vec<Change> {
        let stay: Vec<Join> = self
            .before
            .foreign_keys
            .iter()
            .filter(|key| !self.goes(key))
            .filter_map(|key| self.as_join(key))
            .collect();
        let joins = self.after.joins.iter().filter(|join| !stay.contains(join));
        joins
            .filter_map(|join| {
                Some(Change::AddForeignKey {
                    join: join.clone(),
                    parent_column: self.after.table(&join.parent)?.primary_key.first()?.clone(),
                })
            })
            .collect()
    }

    fn drop_key(&self, old: &Table, new: &Table) -> Option<Change> {
        let (_, name) = self
            .before
            .primary_keys
            .iter()
            .find(|(table, _)| *table == old.name)?;
        Some(Change::DropPrimaryKey {
            table: new.name.clone(),
            constraint: name.clone(),
        })
    }

    /// The steps to the new columns, but for those that lose data.
    fn columns(&self, old: &Table, new: &Table) -> Vec<Change> {
        let table = &new.name;
        let mut changes = Vec::new();
        let was = |column: &Column| {
            let mut columns = old.columns.iter();
            columns.find(|old| self.column_name(table, &old.name) == column.name)
        };
        for column in &new.columns {
            let Some(old) = was(column) else {
                changes.push(Change::AddColumn {
                    table: table.clone(),
                    column: column.clone(),
                });
                continue;
            };
            if !old.sql_type.is(&column.sql_type) || old.max_length != column.max_length {
                changes.push(Change::AlterType {
                    table: table.clone(),
                    column: column.name.clone(),
                    from: as_is(old),
                    to: as_is(column),
                });
            }
            let (table, name) = (table.clone(), column.name.clone());
            match (old.nullable, column.nullable) {
                (true, false) => changes.push(Change::SetNotNull {
                    table,
                    column: name,
                }),
                (false, true) => changes.push(Change::DropNotNull {
                    table,
                    column: name,
                }),
                _ => {}
            }
        }
        if self.key(old) != new.primary_key {
            changes.push(Change::AddPrimaryKey {
                table: table.clone(),
                columns: new.primary_key.clone(),
            });
        }
        changes
    }

    fn columns_to_drop(&self, old: &Table, new: &Table) -> Vec<Change> {
        let names = old
            .columns
            .iter()
            .map(|old| self.column_name(&new.name, &old.name));
        names
            .filter(|name| new.column(name).is_none())
            .map(|column| Change::DropColumn {
                table: new.name.clone(),
                column,
            })
            .collect()
    }

    fn tables_to_drop(&self) -> Vec<Change> {
        let tables = self.before.schema.tables.iter();
        let gone = tables.filter(|table| self.table_name(&table.name).is_none());
        gone.map(|table| Change::DropTable {
            table: table.name.clone(),
        })
        .collect()
    }

    fn comments(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for new in &self.after.tables {
            let old = self
                .pairs()
                .find(|(_, table)| table.name == new.name)
                .map(|(old, _)| old);
            let said = |comment: Option<&String>| comment.and_then(|text| as_documented(text));
            if said(old.and_then(|old| old.comment.as_ref())) != said(new.comment.as_ref()) {
                changes.push(Change::CommentOnTable {
                    table: new.name.clone(),
                    comment: new.comment.clone(),
                });
            }
            for column in &new.columns {
                let mut columns = old.into_iter().flat_map(|old| &old.columns);
                let was = columns.find(|old| self.column_name(&new.name, &old.name) == column.name);
                if said(was.and_then(|was| was.comment.as_ref())) != said(column.comment.as_ref()) {
                    changes.push(Change::CommentOnColumn {
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

fn as_is(column: &Column) -> (SqlType, Option<u64>) {
    (column.sql_type.clone(), column.max_length)
}

impl Tables {
    /// Whether these are all that `schema` says, and perhaps more: nothing that it says is lost when it is written anew
    /// from these.
    pub fn have_all_of(&self, schema: &Schema) -> bool {
        let steps = steps(self, schema, Renames::default());
        steps.iter().all(|step| match step {
            Change::DropTable { .. }
            | Change::DropColumn { .. }
            | Change::DropForeignKey { .. } => true,
            Change::CommentOnTable { comment, .. } | Change::CommentOnColumn { comment, .. } => {
                comment.is_none()
            }
            _ => false,
        })
    }
}
