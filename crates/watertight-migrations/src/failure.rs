use std::error::Error;
use std::fmt;

use diesel::result::Error as DieselError;
use watertight_metadata::PluginId;

use crate::migration::Script;
use crate::progress::Direction;

/// A line of a migration's SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The file: a path where there is one, else `<migration>/up.sql`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1, where it is known.
    pub column: Option<usize>,
    /// The line itself.
    pub text: String,
}

impl SourceLine {
    pub(crate) fn new(script: &Script, offset: usize, with_column: bool) -> Self {
        let place = script.place(offset);
        Self {
            file: script.file.clone(),
            line: place.line,
            column: with_column.then_some(place.column),
            text: place.text.to_owned(),
        }
    }
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.to_string();
        let width = line.len();
        write!(f, "{:width$}--> {}:{line}", "", self.file)?;
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        let (text, column) = shown(&self.text, self.column);
        write!(f, "\n{:width$} |\n{line} | {text}\n{:width$} |", "", "")?;
        if let Some(column) = column {
            write!(f, "{}^", " ".repeat(column))?;
        }
        Ok(())
    }
}

/// More of a line than this, in characters, tells nobody anything.
const LONGEST_LINE: usize = 160;

/// The line, or the part of it around the column, and the column in what is shown.
fn shown(line: &str, column: Option<usize>) -> (String, Option<usize>) {
    // A tab is as wide as the terminal likes; a blank makes the mark stand below what it means.
    let line = line.replace('\t', " ");
    let length = line.chars().count();
    if length <= LONGEST_LINE {
        return (line, column);
    }
    let start = column
        .unwrap_or_default()
        .saturating_sub(LONGEST_LINE / 2)
        .min(length - LONGEST_LINE);
    let mut text: String = line.chars().skip(start).take(LONGEST_LINE).collect();
    let mut cut = 0;
    if start > 0 {
        text.insert_str(0, "… ");
        cut = 2;
    }
    if start + LONGEST_LINE < length {
        text.push_str(" …");
    }
    (text, column.map(|column| column - start + cut))
}

/// SQL that was not sent, because of something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSql {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// Which way it was to go.
    pub direction: Direction,
    /// Where it stands.
    pub place: SourceLine,
    /// What it is and what to do.
    pub reason: String,
}

impl fmt::Display for RefusedSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "failed to {} migration {} of plugin {}: {}",
            self.direction, self.migration, self.plugin, self.reason
        )?;
        writeln!(f, "{}", self.place)?;
        write!(f, "nothing of this migration was sent")
    }
}

impl Error for RefusedSql {}

/// A statement of a migration that PostgreSQL refused.
#[derive(Debug)]
pub struct MigrationFailure {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    /// Which way it went.
    pub direction: Direction,
    /// Where the statement is.
    pub place: FailurePlace,
    /// What PostgreSQL said.
    pub source: DieselError,
    /// What stays applied.
    pub remains: Remains,
}

/// Which statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailurePlace {
    /// This one.
    At(SourceLine),
    /// None in this file: a deferred constraint, which is checked at the end.
    AtCommit(String),
    /// None in this file fails when it is tried again, statement by statement.
    Unknown(String),
}

/// What a failed migration leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing: it ran in a transaction.
    Nothing,
    /// What the first so many statements did: it ran without a transaction.
    Statements(usize),
}

/// What PostgreSQL says, in English, of a command that needs to be alone. Diesel hides the code of the error.
const NEEDS_NO_TRANSACTION: &str = "cannot run inside a transaction block";

impl fmt::Display for MigrationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "failed to {} migration {} of plugin {}",
            self.direction, self.migration, self.plugin
        )?;
        match &self.place {
            FailurePlace::At(line) => writeln!(f, "{line}")?,
            FailurePlace::AtCommit(file) => writeln!(
                f,
                " --> {file}\nno statement failed, but a deferred constraint at the end"
            )?,
            FailurePlace::Unknown(file) => writeln!(
                f,
                " --> {file}\nno statement of it fails like this when tried again by itself; it may have kept its history row from \
                 being written"
            )?,
        }
        match &self.source {
            DieselError::DatabaseError(_, information) => {
                writeln!(f, "ERROR: {}", information.message())?;
                if let Some(detail) = information.details() {
                    writeln!(f, "DETAIL: {detail}")?;
                }
                if information.message().contains(NEEDS_NO_TRANSACTION) {
                    writeln!(
                        f,
                        "HINT: set `run_in_transaction = false` in the migration's metadata.toml"
                    )?;
                }
                if let Some(hint) = information.hint() {
                    writeln!(f, "HINT: {hint}")?;
                }
            }
            other => writeln!(f, "ERROR: {other}")?,
        }
        match self.remains {
            Remains::Nothing => write!(
                f,
                "nothing of this migration was applied; mend the SQL and run it again"
            ),
            Remains::Statements(0) => write!(
                f,
                "nothing that this run did before it stays; mend the SQL and run it again"
            ),
            Remains::Statements(count) => {
                let (first, them) = match count {
                    1 => ("the first statement stays".to_owned(), "it"),
                    count => (format!("the first {count} statements stay"), "them"),
                };
                write!(
                    f,
                    "{first} applied, because this migration runs without a transaction; undo {them} or take {them} out of \
                     the SQL, mend the rest and run it again"
                )
            }
        }
    }
}

// PostgreSQL's words are in the text, with the detail and the hint that `DieselError` leaves out, so there is no
// `source` to say them again.
impl Error for MigrationFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_the_part_around_the_column_is_shown() {
        let line = format!("{}, nosuch{}", "(0)".repeat(40_000), ", (1)".repeat(40_000));
        let script = Script::new("up.sql".to_owned(), &line);
        let text = SourceLine::new(&script, 120_002, true).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(text.contains("--> up.sql:1:120003"), "{}", lines[0]);
        assert!(text.len() < 600);
        // Both lines begin alike, up to the bar.
        let mark = lines[3].chars().position(|c| c == '^').unwrap();
        let marked: String = lines[2].chars().skip(mark).take(6).collect();
        assert_eq!(marked, "nosuch");
    }

    #[test]
    fn a_failure_shows_the_line_and_what_postgresql_said() {
        let line = "ALTER TABLE \"plugin_catalog\".\"items\" DROP COLUMN \"x\";";
        let script = Script::new(
            "catalog/up.sql".to_owned(),
            &format!("{}{line}\n", "\n".repeat(39)),
        );
        let failure = MigrationFailure {
            plugin: PluginId::new("catalog"),
            migration: "2026-01-02-000000_add_price".to_owned(),
            direction: Direction::Up,
            place: FailurePlace::At(SourceLine::new(&script, 39 + 12, true)),
            source: DieselError::DatabaseError(
                diesel::result::DatabaseErrorKind::Unknown,
                Box::new("column \"x\" does not exist".to_owned()),
            ),
            remains: Remains::Nothing,
        };
        insta::assert_snapshot!(failure, @r#"
        failed to run migration 2026-01-02-000000_add_price of plugin catalog
          --> catalog/up.sql:40:13
           |
        40 | ALTER TABLE "plugin_catalog"."items" DROP COLUMN "x";
           |             ^
        ERROR: column "x" does not exist
        nothing of this migration was applied; mend the SQL and run it again
        "#);
    }
}
