use std::fmt;

use crate::{Column, Join, SqlType, Table};

/// One step from the tables that there are to those that `schema.rs` says. Names are PostgreSQL's; of renamed tables
/// and columns, all other steps say the new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Change {
    RenameTable {
        from: String,
        to: String,
    },
    RenameColumn {
        table: String,
        from: String,
        to: String,
    },
    DropForeignKey {
        table: String,
        constraint: String,
    },
    DropPrimaryKey {
        table: String,
        constraint: String,
    },
    CreateTable(Table),
    AddColumn {
        table: String,
        column: Column,
    },
    AlterType {
        table: String,
        column: String,
        from: (SqlType, Option<u64>),
        to: (SqlType, Option<u64>),
    },
    SetNotNull {
        table: String,
        column: String,
    },
    DropNotNull {
        table: String,
        column: String,
    },
    AddPrimaryKey {
        table: String,
        columns: Vec<String>,
    },
    DropColumn {
        table: String,
        column: String,
    },
    DropTable {
        table: String,
    },
    /// As it was, after the types at both its ends have changed.
    RestoreForeignKey {
        table: String,
        constraint: String,
    },
    AddForeignKey {
        join: Join,
        parent_column: String,
    },
    CommentOnTable {
        table: String,
        comment: Option<String>,
    },
    CommentOnColumn {
        table: String,
        column: String,
        comment: Option<String>,
    },
}

impl Change {
    /// The table that it changes, by its new name.
    pub fn table(&self) -> &str {
        match self {
            Self::CreateTable(table) => &table.name,
            Self::RenameTable { to: table, .. }
            | Self::AddForeignKey {
                join: Join { child: table, .. },
                ..
            }
            | Self::RenameColumn { table, .. }
            | Self::DropForeignKey { table, .. }
            | Self::RestoreForeignKey { table, .. }
            | Self::DropPrimaryKey { table, .. }
            | Self::AddColumn { table, .. }
            | Self::AlterType { table, .. }
            | Self::SetNotNull { table, .. }
            | Self::DropNotNull { table, .. }
            | Self::AddPrimaryKey { table, .. }
            | Self::DropColumn { table, .. }
            | Self::DropTable { table }
            | Self::CommentOnTable { table, .. }
            | Self::CommentOnColumn { table, .. } => table,
        }
    }
}

/// In a few words, such as `add items.title`.
impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RenameTable { from, to } => write!(formatter, "rename {from} to {to}"),
            Self::RenameColumn { table, from, to } => {
                write!(formatter, "rename {table}.{from} to {to}")
            }
            Self::RestoreForeignKey { table, constraint } => {
                write!(formatter, "restore the foreign key {constraint} of {table}")
            }
            Self::DropForeignKey { table, constraint } => {
                write!(formatter, "drop the foreign key {constraint} of {table}")
            }
            Self::DropPrimaryKey { table, constraint } => {
                write!(formatter, "drop the primary key {constraint} of {table}")
            }
            Self::CreateTable(table) => write!(formatter, "create {}", table.name),
            Self::AddColumn { table, column } => write!(formatter, "add {table}.{}", column.name),
            Self::AlterType { table, column, .. } => {
                write!(formatter, "change the type of {table}.{column}")
            }
            Self::SetNotNull { table, column } => {
                write!(formatter, "forbid NULL in {table}.{column}")
            }
            Self::DropNotNull { table, column } => {
                write!(formatter, "allow NULL in {table}.{column}")
            }
            Self::AddPrimaryKey { table, columns } => {
                write!(
                    formatter,
                    "make ({}) the primary key of {table}",
                    columns.join(", ")
                )
            }
            Self::DropColumn { table, column } => write!(formatter, "drop {table}.{column}"),
            Self::DropTable { table } => write!(formatter, "drop {table}"),
            Self::AddForeignKey { join, .. } => {
                write!(
                    formatter,
                    "let {}.{} refer to {}",
                    join.child, join.column, join.parent
                )
            }
            Self::CommentOnTable { table, .. } => write!(formatter, "comment on {table}"),
            Self::CommentOnColumn { table, column, .. } => {
                write!(formatter, "comment on {table}.{column}")
            }
        }
    }
}
