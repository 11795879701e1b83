//! From the steps to the SQL that takes them.

use crate::catalog::{Catalog, ColumnDefinition};
use crate::identity::first_name;
use crate::known_types::KnownTypes;
use crate::names::{is_invisible, qualified, quoted, sql_string};
use crate::types::in_sql;
use crate::{Change, Column, Join, SqlType, Table};

/// What the SQL of the steps is written from.
pub(crate) struct UpSql<'a> {
    pub(crate) schema: &'a str,
    pub(crate) before: &'a Catalog,
    pub(crate) known: &'a KnownTypes,
    pub(crate) changes: &'a [Change],
}

impl UpSql<'_> {
    pub(crate) fn text(&self) -> String {
        let statements = self.changes.iter().map(|change| {
            let warning = self
                .loss(change)
                .map(|loss| format!("-- Loses data: {}.\n", in_one_line(&loss)))
                .or_else(|| caution(change));
            warning.unwrap_or_default() + &self.statement(change)
        });
        statements.collect::<Vec<_>>().join("\n")
    }

    /// What is lost by a step, if anything.
    pub(crate) fn loss(&self, change: &Change) -> Option<String> {
        match change {
            Change::DropTable { table } => Some(format!("drops the table {table}")),
            Change::DropColumn { table, column } => {
                Some(format!("drops the column {table}.{column}"))
            }
            Change::AlterType {
                table,
                column,
                from,
                to,
            } if !self.known.widens(from, to) => Some(format!(
                "changes {table}.{column} from {} to {}, which may not hold every value",
                in_sql(&from.0, from.1),
                in_sql(&to.0, to.1)
            )),
            _ => None,
        }
    }

    fn table(&self, name: &str) -> String {
        qualified(self.schema, name)
    }

    fn statement(&self, change: &Change) -> String {
        match change {
            Change::RenameTable { from, to } => {
                format!(
                    "ALTER TABLE {} RENAME TO {};\n",
                    self.table(from),
                    quoted(to)
                )
            }
            Change::RenameColumn { table, from, to } => self.alter(
                table,
                &format!("RENAME COLUMN {} TO {}", quoted(from), quoted(to)),
            ),
            Change::RestoreForeignKey { table, constraint } => {
                let definition = self.before.constraint(self.schema, table, constraint);
                self.alter(
                    table,
                    &format!(
                        "ADD CONSTRAINT {} {}",
                        quoted(constraint),
                        definition.unwrap_or_default()
                    ),
                )
            }
            Change::DropForeignKey { table, constraint }
            | Change::DropPrimaryKey { table, constraint } => {
                self.alter(table, &format!("DROP CONSTRAINT {}", quoted(constraint)))
            }
            Change::CreateTable(table) => self.create(table),
            Change::AddColumn { table, column } => {
                self.alter(table, &format!("ADD COLUMN {}", column_sql(column, false)))
            }
            Change::AlterType {
                table,
                column,
                from,
                to,
            } => self.alter_type(table, column, &from.0, to),
            Change::SetNotNull { table, column } => self.alter(
                table,
                &format!("ALTER COLUMN {} SET NOT NULL", quoted(column)),
            ),
            Change::DropNotNull { table, column } => {
                let drop = format!("ALTER COLUMN {} DROP NOT NULL", quoted(column));
                self.drop_identity(table, column) + &self.alter(table, &drop)
            }
            Change::AddPrimaryKey { table, columns } => {
                self.alter(table, &format!("ADD PRIMARY KEY ({})", list(columns)))
            }
            Change::DropColumn { table, column } => {
                self.alter(table, &format!("DROP COLUMN {}", quoted(column)))
            }
            Change::DropTable { table } => format!("DROP TABLE {};\n", self.table(table)),
            Change::AddForeignKey {
                join,
                parent_column,
            } => {
                let Join {
                    child,
                    parent,
                    column,
                } = join;
                let key = format!(
                    "ADD FOREIGN KEY ({}) REFERENCES {} ({}){}",
                    quoted(column),
                    self.table(parent),
                    quoted(parent_column),
                    self.actions_before(join).unwrap_or_default()
                );
                self.alter(child, &key)
            }
            Change::CommentOnTable { table, comment } => {
                format!(
                    "COMMENT ON TABLE {} IS {};\n",
                    self.table(table),
                    comment_sql(comment.as_deref())
                )
            }
            Change::CommentOnColumn {
                table,
                column,
                comment,
            } => format!(
                "COMMENT ON COLUMN {}.{} IS {};\n",
                self.table(table),
                quoted(column),
                comment_sql(comment.as_deref())
            ),
        }
    }

    /// What a foreign key of that column had been told to do, such as ` ON DELETE CASCADE`, when this one replaces it.
    fn actions_before(&self, join: &Join) -> Option<&str> {
        self.changes.iter().find_map(|change| {
            let Change::DropForeignKey { table, constraint } = change else {
                return None;
            };
            let definition = self.before.constraint(self.schema, table, constraint)?;
            let (columns, parent) = definition.split_once(" REFERENCES ")?;
            let (column, _) = first_name(columns.strip_prefix("FOREIGN KEY (")?);
            let (_, rest) = first_name(parent);
            let (_, rest) = first_name(rest.strip_prefix('.')?);
            let (_, rest) = first_name(rest.strip_prefix('(')?);
            let actions = rest.strip_prefix(')')?;
            (*table == join.child && column == join.column).then_some(actions)
        })
    }

    fn alter(&self, table: &str, action: &str) -> String {
        format!("ALTER TABLE {} {action};\n", self.table(table))
    }

    fn create(&self, table: &Table) -> String {
        let is_child = |column: &Column| {
            self.changes.iter().any(|change| {
                matches!(change, Change::AddForeignKey { join, .. } if join.child == table.name && join.column == column.name)
            })
        };
        let mut lines = Vec::new();
        for column in &table.columns {
            let is_whole_key = table.primary_key == [column.name.clone()];
            let mut sql = column_sql(column, is_whole_key && !is_child(column));
            if is_whole_key {
                sql = sql.replacen(" NOT NULL", " PRIMARY KEY", 1);
            }
            lines.push(format!("    {sql}"));
        }
        if table.primary_key.len() > 1 {
            lines.push(format!("    PRIMARY KEY ({})", list(&table.primary_key)));
        }
        format!(
            "CREATE TABLE {} (\n{}\n);\n",
            self.table(&table.name),
            lines.join(",\n")
        )
    }

    /// A default goes away first where PostgreSQL would not convert it, and comes back converted. Only an integer can
    /// have an identity, and only where it is not null.
    fn alter_type(
        &self,
        table: &str,
        column: &str,
        from: &SqlType,
        to: &(SqlType, Option<u64>),
    ) -> String {
        let target = in_sql(&to.0, to.1);
        let action =
            |action: &str| self.alter(table, &format!("ALTER COLUMN {} {action}", quoted(column)));
        let identity = if is_integer(&to.0) {
            String::new()
        } else {
            self.drop_identity(table, column)
        };
        if self.known.assigns(from, &to.0) {
            return identity + &action(&format!("TYPE {target}"));
        }
        let change = action(&format!("TYPE {target} USING {}::{target}", quoted(column)));
        match self
            .definition_before(table, column)
            .and_then(|before| before.default)
        {
            Some(default) => {
                let set = format!("SET DEFAULT ({default})::{target}");
                action("DROP DEFAULT") + &change + &action(&set)
            }
            None => identity + &change,
        }
    }

    /// What takes a column's identity away, where it has one.
    fn drop_identity(&self, table: &str, column: &str) -> String {
        match self
            .definition_before(table, column)
            .and_then(|before| before.identity)
        {
            Some(_) => self.alter(
                table,
                &format!("ALTER COLUMN {} DROP IDENTITY IF EXISTS", quoted(column)),
            ),
            None => String::new(),
        }
    }

    /// How a column is made, whatever it and its table were called before.
    fn definition_before(&self, table: &str, column: &str) -> Option<ColumnDefinition> {
        let (mut old_table, mut old_column) = (table, column);
        for change in self.changes {
            match change {
                Change::RenameTable { from, to } if to == table => old_table = from,
                Change::RenameColumn {
                    table: of,
                    from,
                    to,
                } if of == table && to == column => {
                    old_column = from;
                }
                _ => {}
            }
        }
        self.before.column(self.schema, old_table, old_column)
    }
}

/// A text that does not end the comment that it stands in.
fn in_one_line(text: &str) -> String {
    text.replace(is_invisible, "?")
}

/// What works only while a table has no rows, or not such rows.
fn caution(change: &Change) -> Option<String> {
    match change {
        Change::AddColumn { column, .. } if !column.nullable && default(column, false).is_none() => Some(
            "-- Fails if the table has rows: for these, add a DEFAULT, which may be dropped again afterwards.\n"
                .to_owned(),
        ),
        Change::SetNotNull { .. } => {
            Some("-- Fails if there are NULLs: replace them first.\n".to_owned())
        }
        _ => None,
    }
}

fn column_sql(column: &Column, is_key: bool) -> String {
    let sql_type = in_sql(&column.sql_type, column.max_length);
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    let default = default(column, is_key).map(|default| format!(" {default}"));
    format!(
        "{} {sql_type}{not_null}{}",
        quoted(&column.name),
        default.unwrap_or_default()
    )
}

/// The defaults that nobody wants to write: a key that makes itself, and times.
fn default(column: &Column, is_key: bool) -> Option<&'static str> {
    if column.sql_type.schema.as_deref() != Some("pg_catalog")
        || column.sql_type.is_array
        || column.nullable
    {
        return None;
    }
    match column.sql_type.name.as_str() {
        "uuid" if is_key => Some("DEFAULT gen_random_uuid()"),
        "int2" | "int4" | "int8" if is_key => Some("GENERATED BY DEFAULT AS IDENTITY"),
        "timestamp" | "timestamptz"
            if matches!(column.name.as_str(), "created_at" | "updated_at") =>
        {
            Some("DEFAULT now()")
        }
        _ => None,
    }
}

fn is_integer(sql_type: &SqlType) -> bool {
    sql_type.schema.as_deref() == Some("pg_catalog")
        && !sql_type.is_array
        && matches!(sql_type.name.as_str(), "int2" | "int4" | "int8")
}

fn comment_sql(comment: Option<&str>) -> String {
    comment.map_or_else(|| "NULL".to_owned(), sql_string)
}

fn list(columns: &[String]) -> String {
    columns
        .iter()
        .map(|column| quoted(column))
        .collect::<Vec<_>>()
        .join(", ")
}
