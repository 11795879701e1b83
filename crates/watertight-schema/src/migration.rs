use diesel::result::Error as DieselError;

use crate::catalog::{Catalog, Difference};
use crate::diff::{self, DiffError};
use crate::down_sql;
use crate::known_types::KnownTypes;
use crate::names::{qualified, quoted};
use crate::renames::{self, Answers, Question};
use crate::session::{PgSession, ReadError};
use crate::up_sql::UpSql;
use crate::{Change, Schema, Tables};

/// A migration that was tried: up makes the tables what `schema.rs` says, down makes them what they were, and up works
/// again after that.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The steps.
    pub changes: Vec<Change>,
    /// The text of `up.sql`.
    pub up: String,
    /// The text of `down.sql`.
    pub down: String,
    /// What data the steps of up lose, in words.
    pub losses: Vec<String>,
}

/// Why there is no migration.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database does not tell what it has.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No steps lead to `schema.rs`.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// Something may be renamed.
    #[error(
        "failed to tell what is renamed from what is dropped: {}; say which it is", questions_text(.0)
    )]
    Questions(Vec<Question>),
    /// PostgreSQL refuses what was written.
    #[error(
        "failed to prove the migration: PostgreSQL refuses its {file}: {source}; write this migration by hand \
         (`cargo xtask new-migration`). It would have been:\n\n{sql}"
    )]
    Refused {
        /// `up.sql` or `down.sql`.
        file: &'static str,
        /// What it would have said.
        sql: String,
        /// What PostgreSQL says.
        source: DieselError,
    },
    /// After up, something still differs from `schema.rs`.
    #[error(
        "failed to prove the migration: after its up.sql, schema.rs still wants to {}; write this migration by hand \
         (`cargo xtask new-migration`)", changes_text(.0)
    )]
    NotAsSchema(Vec<Change>),
    /// After down, or after up again, something is not as it was.
    #[error(
        "failed to prove the migration: its {file} does not give back what was there:\n{}\nwrite this migration by hand \
         (`cargo xtask new-migration`)", differences_text(.differences)
    )]
    NotAsBefore {
        /// `down.sql`, or `up.sql` when that is run for the second time.
        file: &'static str,
        /// How it differs.
        differences: Vec<Difference>,
    },
}

fn questions_text(questions: &[Question]) -> String {
    questions
        .iter()
        .map(Question::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn changes_text(changes: &[Change]) -> String {
    changes
        .iter()
        .map(Change::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn differences_text(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(|difference| format!("  {difference}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Migration {
    /// Writes the migration that makes the tables of `wanted`'s schema what `wanted` says, and proves it. None when
    /// nothing differs.
    ///
    /// The database has to be one that nobody needs: what was proved stays done in it.
    ///
    /// # Errors
    ///
    /// When something may be renamed and `answers` do not say, when no steps lead there, or when the proof fails.
    pub fn write<C: PgSession>(
        scratch: &mut C,
        wanted: &Schema,
        answers: &Answers,
    ) -> Result<Option<Self>, MigrationError> {
        let answers = &answers.with_new_names();
        let tables = Tables::read(scratch, &wanted.name)?;
        let known = KnownTypes::read(scratch)?;
        renames::renames(&tables.schema, wanted, answers).map_err(DiffError::from)?;
        let questions = renames::questions(&tables.schema, wanted, answers);
        if !questions.is_empty() {
            return Err(MigrationError::Questions(questions));
        }
        let changes = diff::changes(&tables, wanted, &known, answers)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let before = Catalog::read(scratch)?;
        let sql = UpSql {
            schema: &wanted.name,
            before: &before,
            known: &known,
            changes: &changes,
        };
        let up = sql.text();
        let losses = changes
            .iter()
            .filter_map(|change| sql.loss(change))
            .collect();

        run(scratch, "up.sql", &up)?;
        let tables = Tables::read(scratch, &wanted.name)?;
        let known = KnownTypes::read(scratch)?;
        let left = diff::changes(&tables, wanted, &known, &Answers::default())?;
        if !left.is_empty() {
            return Err(MigrationError::NotAsSchema(left));
        }
        let after = Catalog::read(scratch)?;

        let mut down = names_back(&wanted.name, &changes);
        run(scratch, "down.sql", &down.join("\n"))?;
        let rest = down_sql::statements(&before, &Catalog::read(scratch)?);
        run(scratch, "down.sql", &rest.join("\n"))?;
        expect(scratch, "down.sql", &before)?;
        down.extend(rest);
        let down = down.join("\n") + "\n";

        run(scratch, "up.sql", &up)?;
        expect(scratch, "up.sql", &after)?;
        // As it will be run: in one piece.
        run(scratch, "down.sql", &down)?;
        expect(scratch, "down.sql", &before)?;
        Ok(Some(Self {
            changes,
            up,
            down,
            losses,
        }))
    }
}

/// The statements that give tables and columns their old names back.
fn names_back(schema: &str, changes: &[Change]) -> Vec<String> {
    let mut statements = Vec::new();
    for change in changes.iter().rev() {
        match change {
            Change::RenameTable { from, to } => statements.push(format!(
                "ALTER TABLE {} RENAME TO {};",
                qualified(schema, to),
                quoted(from)
            )),
            Change::RenameColumn { table, from, to } => statements.push(format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {};",
                qualified(schema, table),
                quoted(to),
                quoted(from)
            )),
            _ => {}
        }
    }
    statements
}

fn run<C: PgSession>(scratch: &mut C, file: &'static str, sql: &str) -> Result<(), MigrationError> {
    let done = scratch.transaction(|scratch| scratch.batch_execute(sql));
    done.map_err(|source| MigrationError::Refused {
        file,
        sql: sql.to_owned(),
        source,
    })
}

fn expect<C: PgSession>(
    scratch: &mut C,
    file: &'static str,
    expected: &Catalog,
) -> Result<(), MigrationError> {
    let differences = expected.differences(&Catalog::read(scratch)?);
    if differences.is_empty() {
        return Ok(());
    }
    Err(MigrationError::NotAsBefore { file, differences })
}
