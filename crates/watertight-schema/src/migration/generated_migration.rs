use postgres_protocol::escape::escape_identifier;
use watertight_diagnostics::PostgresError;

use super::down_sql;
use super::generate_error::GenerateError;
use super::up_sql::UpSql;
use super::warning::data_loss;
use crate::database::KnownTypes;
use crate::diff::{changes, questions};
use crate::sql::qualified_name;
use crate::{Catalog, CatalogConnection, DatabaseTables, RenameAnswers, Schema, SchemaChange};

/// A migration that was generated from `schema.rs`, and verified: `up.sql` changes the tables to match `schema.rs`,
/// `down.sql` restores them, and then `up.sql` works again.
#[derive(Clone, Debug)]
pub struct GeneratedMigration {
    /// The changes that `up.sql` makes.
    pub changes: Vec<SchemaChange>,
    /// The contents of `up.sql`.
    pub up: String,
    /// The contents of `down.sql`.
    pub down: String,
    /// The changes that lose data, described in words.
    pub losses: Vec<String>,
}

impl GeneratedMigration {
    /// Generates the migration that changes the tables in `scratch` to match `wanted`, and verifies it. Returns `None` if
    /// there is nothing to change.
    ///
    /// The migration is run in `scratch`, so this has to be a scratch database.
    ///
    /// # Errors
    ///
    /// Fails if names may have been renamed and `answers` do not state it, if no changes lead to `wanted`, or if the
    /// verification fails.
    pub fn generate<C: CatalogConnection>(
        scratch: &mut C,
        wanted: &Schema,
        answers: &RenameAnswers,
    ) -> Result<Option<Self>, GenerateError> {
        let answers = &answers.with_new_table_names();
        let tables = DatabaseTables::read(scratch, &wanted.name)?;
        let known = KnownTypes::read(scratch)?;
        let questions = questions(&tables.schema, wanted, answers)?;
        if !questions.is_empty() {
            return Err(GenerateError::Questions(questions));
        }
        let changes = changes(&tables, wanted, &known, answers)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let before = Catalog::read(scratch)?;
        let up = UpSql {
            schema: &wanted.name,
            before: &before,
            known: &known,
            changes: &changes,
        }
        .to_sql();
        let losses = changes
            .iter()
            .filter_map(|change| data_loss(change, &known))
            .collect();

        run(scratch, "up.sql", &up)?;
        check_tables(scratch, wanted)?;
        let after = Catalog::read(scratch)?;

        // The rest of down.sql is written from the catalog in which everything has its old name again.
        let mut down = revert_renames(&wanted.name, &changes);
        run(scratch, "down.sql", &down.join("\n"))?;
        let rest = down_sql::statements(&before, &Catalog::read(scratch)?);
        run(scratch, "down.sql", &rest.join("\n"))?;
        check_catalog(scratch, "down.sql", &before)?;
        down.extend(rest);
        let down = down.join("\n") + "\n";

        run(scratch, "up.sql", &up)?;
        check_catalog(scratch, "up.sql", &after)?;
        // In one transaction, as users will run it.
        run(scratch, "down.sql", &down)?;
        check_catalog(scratch, "down.sql", &before)?;
        Ok(Some(Self {
            changes,
            up,
            down,
            losses,
        }))
    }
}

/// Returns the statements that give renamed tables and columns their old names.
fn revert_renames(schema: &str, changes: &[SchemaChange]) -> Vec<String> {
    let mut statements = Vec::new();
    for change in changes.iter().rev() {
        match change {
            SchemaChange::RenameTable { from, to } => statements.push(format!(
                "ALTER TABLE {} RENAME TO {};",
                qualified_name(schema, to),
                escape_identifier(from)
            )),
            SchemaChange::RenameColumn { table, from, to } => statements.push(format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {};",
                qualified_name(schema, table),
                escape_identifier(to),
                escape_identifier(from)
            )),
            _ => {}
        }
    }
    statements
}

fn run<C: CatalogConnection>(
    scratch: &mut C,
    file: &'static str,
    sql: &str,
) -> Result<(), GenerateError> {
    let result = scratch.transaction(|scratch| scratch.batch_execute(sql));
    result.map_err(|error| GenerateError::Rejected {
        file,
        sql: sql.to_owned(),
        source: PostgresError::from(error),
    })
}

fn check_tables<C: CatalogConnection>(
    scratch: &mut C,
    wanted: &Schema,
) -> Result<(), GenerateError> {
    let tables = DatabaseTables::read(scratch, &wanted.name)?;
    let known = KnownTypes::read(scratch)?;
    let missing = changes(&tables, wanted, &known, &RenameAnswers::default())?;
    if missing.is_empty() {
        Ok(())
    } else {
        Err(GenerateError::NotAsSchema(missing))
    }
}

fn check_catalog<C: CatalogConnection>(
    scratch: &mut C,
    file: &'static str,
    expected: &Catalog,
) -> Result<(), GenerateError> {
    let differences = expected.differences(&Catalog::read(scratch)?);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(GenerateError::NotRestored { file, differences })
    }
}
