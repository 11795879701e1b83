use std::fmt;

use crate::{Column, Join, SqlType, Table};

/// One change that a migration makes. Names are PostgreSQL's. Except for the renames themselves, changes name renamed
/// tables and columns by their new names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum SchemaChange {
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
    /// Adds a foreign key again that was dropped while the types of the columns at both ends changed.
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

impl SchemaChange {
    /// Returns the new name of the table that is changed.
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

/// A short description, such as `add items.title`.
impl fmt::Display for SchemaChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RenameTable { from, to } => write!(formatter, "rename {from} to {to}"),
            Self::RenameColumn { table, from, to } => {
                write!(formatter, "rename {table}.{from} to {to}")
            }
            Self::DropForeignKey { table, constraint } => {
                write!(formatter, "drop foreign key {constraint} of {table}")
            }
            Self::DropPrimaryKey { table, constraint } => {
                write!(formatter, "drop primary key {constraint} of {table}")
            }
            Self::CreateTable(table) => write!(formatter, "create {}", table.name),
            Self::AddColumn { table, column } => write!(formatter, "add {table}.{}", column.name),
            Self::AlterType { table, column, .. } => {
                write!(formatter, "change the type of {table}.{column}")
            }
            Self::SetNotNull { table, column } => {
                write!(formatter, "set {table}.{column} NOT NULL")
            }
            Self::DropNotNull { table, column } => {
                write!(formatter, "drop NOT NULL of {table}.{column}")
            }
            Self::AddPrimaryKey { table, columns } => {
                write!(
                    formatter,
                    "add primary key ({}) to {table}",
                    columns.join(", ")
                )
            }
            Self::DropColumn { table, column } => write!(formatter, "drop {table}.{column}"),
            Self::DropTable { table } => write!(formatter, "drop {table}"),
            Self::RestoreForeignKey { table, constraint } => {
                write!(formatter, "restore foreign key {constraint} of {table}")
            }
            Self::AddForeignKey { join, .. } => write!(
                formatter,
                "add foreign key {}.{} → {}",
                join.child, join.column, join.parent
            ),
            Self::CommentOnTable { table, .. } => write!(formatter, "comment on {table}"),
            Self::CommentOnColumn { table, column, .. } => {
                write!(formatter, "comment on {table}.{column}")
            }
        }
    }
}
