use postgres_protocol::escape::escape_identifier;

use super::column_sql::column_sql;
use super::warning::warning_comment;
use crate::database::{ColumnDefinition, KnownTypes};
use crate::sql::{comment_literal, qualified_name, type_sql};
use crate::{Catalog, Column, Join, SchemaChange, SqlType, Table};

/// Writes `up.sql` from the changes that it makes.
pub(super) struct UpSql<'a> {
    pub(super) schema: &'a str,
    pub(super) before: &'a Catalog,
    pub(super) known: &'a KnownTypes,
    pub(super) changes: &'a [SchemaChange],
}

impl UpSql<'_> {
    pub(super) fn to_sql(&self) -> String {
        let statements = self.changes.iter().map(|change| {
            let warning = warning_comment(change, self.known).unwrap_or_default();
            warning + &self.statement(change)
        });
        statements.collect::<Vec<_>>().join("\n")
    }

    fn table(&self, name: &str) -> String {
        qualified_name(self.schema, name)
    }

    fn statement(&self, change: &SchemaChange) -> String {
        match change {
            SchemaChange::RenameTable { from, to } => {
                format!(
                    "ALTER TABLE {} RENAME TO {};\n",
                    self.table(from),
                    escape_identifier(to)
                )
            }
            SchemaChange::RenameColumn { table, from, to } => self.alter(
                table,
                &format!(
                    "RENAME COLUMN {} TO {}",
                    escape_identifier(from),
                    escape_identifier(to)
                ),
            ),
            SchemaChange::RestoreForeignKey { table, constraint } => {
                let before = self.before.constraint(self.schema, table, constraint);
                let definition = before.map_or("", |constraint| &constraint.sql);
                let name = escape_identifier(constraint);
                self.alter(table, &format!("ADD CONSTRAINT {name} {definition}"))
            }
            SchemaChange::DropForeignKey { table, constraint }
            | SchemaChange::DropPrimaryKey { table, constraint } => self.alter(
                table,
                &format!("DROP CONSTRAINT {}", escape_identifier(constraint)),
            ),
            SchemaChange::CreateTable(table) => self.create(table),
            SchemaChange::AddColumn { table, column } => {
                self.alter(table, &format!("ADD COLUMN {}", column_sql(column, false)))
            }
            SchemaChange::AlterType {
                table,
                column,
                from,
                to,
            } => self.alter_type(table, column, &from.0, to),
            SchemaChange::SetNotNull { table, column } => self.alter(
                table,
                &format!("ALTER COLUMN {} SET NOT NULL", escape_identifier(column)),
            ),
            SchemaChange::DropNotNull { table, column } => {
                let drop = format!("ALTER COLUMN {} DROP NOT NULL", escape_identifier(column));
                self.drop_identity(table, column) + &self.alter(table, &drop)
            }
            SchemaChange::AddPrimaryKey { table, columns } => {
                self.alter(table, &format!("ADD PRIMARY KEY ({})", list(columns)))
            }
            SchemaChange::DropColumn { table, column } => {
                self.alter(table, &format!("DROP COLUMN {}", escape_identifier(column)))
            }
            SchemaChange::DropTable { table } => format!("DROP TABLE {};\n", self.table(table)),
            SchemaChange::AddForeignKey {
                join,
                parent_column,
            } => {
                let Join {
                    child,
                    parent,
                    column,
                } = join;
                let action = format!(
                    "ADD FOREIGN KEY ({}) REFERENCES {} ({}){}",
                    escape_identifier(column),
                    self.table(parent),
                    escape_identifier(parent_column),
                    self.replaced_options(join).unwrap_or_default()
                );
                self.alter(child, &action)
            }
            SchemaChange::CommentOnTable { table, comment } => {
                format!(
                    "COMMENT ON TABLE {} IS {};\n",
                    self.table(table),
                    comment_literal(comment.as_deref())
                )
            }
            SchemaChange::CommentOnColumn {
                table,
                column,
                comment,
            } => format!(
                "COMMENT ON COLUMN {}.{} IS {};\n",
                self.table(table),
                escape_identifier(column),
                comment_literal(comment.as_deref())
            ),
        }
    }

    /// Returns the options, such as ` ON DELETE CASCADE`, of the foreign key that a new one replaces.
    fn replaced_options(&self, join: &Join) -> Option<String> {
        self.changes.iter().find_map(|change| {
            let SchemaChange::DropForeignKey { table, constraint } = change else {
                return None;
            };
            let constraint = self.before.constraint(self.schema, table, constraint)?;
            let foreign_key = constraint.foreign_key.as_ref()?;
            (*table == join.child && foreign_key.columns == [join.column.as_str()])
                .then(|| foreign_key.options_sql())
        })
    }

    fn alter(&self, table: &str, action: &str) -> String {
        format!("ALTER TABLE {} {action};\n", self.table(table))
    }

    fn create(&self, table: &Table) -> String {
        let is_child = |column: &Column| {
            self.changes.iter().any(|change| {
                matches!(change, SchemaChange::AddForeignKey { join, .. } if join.child == table.name && join.column == column.name)
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

    /// Where PostgreSQL would not convert the default, it is dropped first and then set with a cast. Only an integer that
    /// is not null can have an identity.
    fn alter_type(
        &self,
        table: &str,
        column: &str,
        from: &SqlType,
        to: &(SqlType, Option<u64>),
    ) -> String {
        let target = type_sql(&to.0, to.1);
        let alter_column = |action: &str| {
            self.alter(
                table,
                &format!("ALTER COLUMN {} {action}", escape_identifier(column)),
            )
        };
        let identity = if is_integer(&to.0) {
            String::new()
        } else {
            self.drop_identity(table, column)
        };
        if self.known.assigns(from, &to.0) {
            return identity + &alter_column(&format!("TYPE {target}"));
        }
        let change = alter_column(&format!(
            "TYPE {target} USING {}::{target}",
            escape_identifier(column)
        ));
        match self
            .definition_before(table, column)
            .and_then(|before| before.default.as_ref())
        {
            Some(default) => {
                let set = format!("SET DEFAULT ({default})::{target}");
                alter_column("DROP DEFAULT") + &change + &alter_column(&set)
            }
            None => identity + &change,
        }
    }

    /// Returns the statement that drops the identity of a column, or an empty string if it has none.
    fn drop_identity(&self, table: &str, column: &str) -> String {
        match self
            .definition_before(table, column)
            .and_then(|before| before.identity.as_ref())
        {
            Some(_) => self.alter(
                table,
                &format!(
                    "ALTER COLUMN {} DROP IDENTITY IF EXISTS",
                    escape_identifier(column)
                ),
            ),
            None => String::new(),
        }
    }

    /// Returns the definition of a column before the migration, which may rename it or its table.
    fn definition_before(&self, table: &str, column: &str) -> Option<&ColumnDefinition> {
        let (mut old_table, mut old_column) = (table, column);
        for change in self.changes {
            match change {
                SchemaChange::RenameTable { from, to } if to == table => old_table = from,
                SchemaChange::RenameColumn {
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

fn is_integer(sql_type: &SqlType) -> bool {
    sql_type.schema.as_deref() == Some("pg_catalog")
        && !sql_type.is_array
        && matches!(sql_type.name.as_str(), "int2" | "int4" | "int8")
}

fn list(columns: &[String]) -> String {
    columns
        .iter()
        .map(|column| escape_identifier(column))
        .collect::<Vec<_>>()
        .join(", ")
}
