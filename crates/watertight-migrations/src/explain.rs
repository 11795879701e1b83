//! Which statement of a message failed.

use std::ops::ControlFlow;

use diesel::result::{DatabaseErrorInformation, Error as DieselError};

use crate::change::Change;
use crate::failure::{FailurePlace, SourceLine};
use crate::lock::Lock;
use crate::message::{Message, PART_END, Part};
use crate::options::Options;
use crate::session::{PgSession, send};
use crate::sql::{byte_offset, split, token_at};

/// Where the error comes from: the position that PostgreSQL gives, when it can be believed, else the statement
/// that fails when they run one by one, in a transaction that is rolled back.
pub(crate) fn place<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    message: &Message<'_>,
    error: &DieselError,
    options: &Options,
) -> FailurePlace {
    let DieselError::DatabaseError(_, information) = error else {
        return FailurePlace::Unknown(message.file());
    };
    let position = position(&message.text, information.as_ref());
    if let Some((part, offset)) = position.and_then(|position| in_part(message, position))
        && names_token(information.message(), &part.script.sql, offset)
    {
        return FailurePlace::At(SourceLine::new(part.script, offset, true));
    }
    if let Some(part) = position.and_then(|position| part_before(message, position)) {
        // The semicolon that we put behind the SQL came too early for its last statement.
        let statements = split(&part.script.sql).unwrap_or_default();
        let start = statements.last().map_or(0, |last| last.start);
        return FailurePlace::At(SourceLine::new(part.script, start, false));
    }
    let retry = Retry {
        message,
        original: information.as_ref(),
        position,
    };
    let lock = Lock::of(change.plugin);
    let begun = lock.wait(connection, options, |connection| {
        send(connection, &message.beginning)
    });
    if begun.is_err() {
        return FailurePlace::Unknown(message.file());
    }
    let place = match retry.all_statements(connection) {
        ControlFlow::Break(place) => place,
        ControlFlow::Continue(()) => FailurePlace::Unknown(message.file()),
    };
    // If this fails, so does whatever the caller sends next, and says so.
    let _ = connection.batch_execute("ROLLBACK");
    place
}

/// The column where a statement that was sent alone failed, when PostgreSQL's position can be believed.
pub(crate) fn position_in_statement(statement: &str, error: &DieselError) -> Option<usize> {
    let DieselError::DatabaseError(_, information) = error else {
        return None;
    };
    let offset = position(statement, information.as_ref())?;
    names_token(information.message(), statement, offset).then_some(offset)
}

/// Runs a message's statements one by one, in the transaction that is open, until one fails as the message did.
struct Retry<'a> {
    message: &'a Message<'a>,
    original: &'a (dyn DatabaseErrorInformation + Send + Sync),
    /// PostgreSQL's position as a byte of the message.
    position: Option<usize>,
}

impl Retry<'_> {
    fn all_statements<C: PgSession>(&self, connection: &mut C) -> ControlFlow<FailurePlace> {
        for part in &self.message.parts {
            self.statements(connection, part)?;
        }
        match connection.batch_execute("SET CONSTRAINTS ALL IMMEDIATE") {
            Err(error) if self.is_the_same(&error) => {
                ControlFlow::Break(FailurePlace::AtCommit(self.message.file()))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn statements<C: PgSession>(
        &self,
        connection: &mut C,
        part: &Part<'_>,
    ) -> ControlFlow<FailurePlace> {
        let sql = &part.script.sql;
        for statement in split(sql).unwrap_or_default() {
            let Err(error) = connection.batch_execute(statement.text(sql)) else {
                continue;
            };
            if !self.is_the_same(&error) {
                return ControlFlow::Break(FailurePlace::Unknown(part.script.file.clone()));
            }
            let column = self.agreed_position(part, statement.start, statement.text(sql), &error);
            return ControlFlow::Break(FailurePlace::At(SourceLine::new(
                part.script,
                column.unwrap_or(statement.start),
                column.is_some(),
            )));
        }
        ControlFlow::Continue(())
    }

    fn is_the_same(&self, error: &DieselError) -> bool {
        matches!(error, DieselError::DatabaseError(_, information) if information.message() == self.original.message())
    }

    /// The byte of the script that both positions mean. Diesel passes on a position inside a function's query as
    /// if it were one in the message; that does not move with the text around the statement.
    fn agreed_position(
        &self,
        part: &Part<'_>,
        start: usize,
        statement: &str,
        error: &DieselError,
    ) -> Option<usize> {
        let DieselError::DatabaseError(_, information) = error else {
            return None;
        };
        let alone = position(statement, information.as_ref())?;
        (self.position? == part.start + start + alone).then_some(start + alone)
    }
}

/// PostgreSQL's position as a byte of the text that was sent.
fn position(
    sent: &str,
    information: &(dyn DatabaseErrorInformation + Send + Sync),
) -> Option<usize> {
    byte_offset(
        sent,
        usize::try_from(information.statement_position()?).ok()?,
    )
}

fn in_part<'a>(message: &'a Message<'_>, position: usize) -> Option<(&'a Part<'a>, usize)> {
    message.parts.iter().find_map(|part| {
        let offset = position.checked_sub(part.start)?;
        (offset < part.script.sql.len()).then_some((part, offset))
    })
}

/// The part that ends right before this position, with nothing but [`PART_END`] between.
fn part_before<'a>(message: &'a Message<'_>, position: usize) -> Option<&'a Part<'a>> {
    message.parts.iter().find(|part| {
        let end = part.start + part.script.sql.len();
        (end..end + PART_END.len()).contains(&position)
    })
}

/// A token of the SQL begins at this byte and PostgreSQL's message names it: then the position is meant for this
/// text, and not for a query inside a function.
fn names_token(message: &str, sql: &str, offset: usize) -> bool {
    let Some(token) = token_at(sql, offset) else {
        return false;
    };
    let token = token.trim_matches('"').to_lowercase();
    let message = message.to_lowercase();
    let is_part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    !token.is_empty()
        && message.match_indices(&token).any(|(start, _)| {
            let before = message[..start].chars().next_back();
            let after = message[start + token.len()..].chars().next();
            // A short word may stand in any sentence: only quoted does it surely mean the token.
            let is_quoted = before == Some('"');
            (is_quoted || token.len() > 2 && !before.is_some_and(is_part_of_word))
                && !(token.ends_with(is_part_of_word) && after.is_some_and(is_part_of_word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_believed_when_the_message_names_what_stands_there() {
        let sql = "SELECT price, a FROM \"plugin_a\".\"items\"";
        let at = |text| sql.find(text).unwrap();
        assert!(names_token(
            "column \"price\" does not exist",
            sql,
            at("price")
        ));
        assert!(names_token("column \"a\" does not exist", sql, at("a F")));
        assert!(names_token(
            "relation \"plugin_a.items\" does not exist",
            sql,
            at("\"plugin_a")
        ));
        assert!(!names_token("a column is missing", sql, at("a F")));
        assert!(!names_token(
            "column \"prices\" does not exist",
            sql,
            at("price")
        ));
        assert!(!names_token(
            "column \"rice\" does not exist",
            sql,
            at("rice")
        ));
        assert!(!names_token("anything", sql, 999));
    }
}
