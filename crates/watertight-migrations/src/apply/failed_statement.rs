//! Which statement of a message failed, and where.

use std::ops::{ControlFlow, Range};

use diesel::result::{DatabaseErrorInformation, Error as DieselError};
use watertight_metadata::PluginId;

use super::message::{Message, MessageScript, SCRIPT_END};
use crate::errors::FailureLocation;
use crate::session::{Lock, Options, PgSession, send};
use crate::sql::{Strings, byte_offset, split, token_at};

/// Finds the location of the error: PostgreSQL's position if it is plausible, else the statement that fails when the
/// statements run one by one in a transaction that is rolled back.
pub(super) fn find<C: PgSession>(
    connection: &mut C,
    plugin: PluginId,
    message: &Message<'_>,
    error: &DieselError,
    options: &Options,
) -> FailureLocation {
    let unknown = || FailureLocation::Unknown {
        file: message.file(),
    };
    let DieselError::DatabaseError(_, information) = error else {
        return unknown();
    };
    let position = position(&message.sql, information.as_ref());
    if let Some((script, offset)) = position.and_then(|position| script_at(message, position))
        && names_token(information.message(), &script.script.sql, offset)
    {
        return FailureLocation::Statement(script.script.position_at(offset));
    }
    if let Some(script) = position.and_then(|position| script_before(message, position)) {
        // The last statement is incomplete: the semicolon that Watertight adds is unexpected.
        let statements = split(&script.script.sql, Strings::Standard).unwrap_or_default();
        let start = statements.last().map_or(0, |last| last.start);
        return FailureLocation::Statement(script.script.line_at(start));
    }
    let retry = Retry {
        message,
        original: information.as_ref(),
        position,
    };
    let begun = Lock::of_plugin(plugin).retry_while_held(connection, options, |connection| {
        send(connection, &message.beginning)
    });
    if begun.is_err() {
        return unknown();
    }
    let location = match retry.run_all(connection) {
        ControlFlow::Break(location) => location,
        ControlFlow::Continue(()) => unknown(),
    };
    // If this fails, so does the caller's next message, which reports it.
    let _ = connection.batch_execute("ROLLBACK");
    location
}

/// Returns the byte at which a statement failed that was sent alone, if PostgreSQL's position is plausible.
pub(super) fn position_in_statement(statement: &str, error: &DieselError) -> Option<usize> {
    let DieselError::DatabaseError(_, information) = error else {
        return None;
    };
    let offset = position(statement, information.as_ref())?;
    names_token(information.message(), statement, offset).then_some(offset)
}

/// Runs the statements of a message one by one in an open transaction, until one fails like the message.
struct Retry<'a> {
    message: &'a Message<'a>,
    original: &'a (dyn DatabaseErrorInformation + Send + Sync),
    /// PostgreSQL's position of the original error, as a byte of the message.
    position: Option<usize>,
}

impl Retry<'_> {
    fn run_all<C: PgSession>(&self, connection: &mut C) -> ControlFlow<FailureLocation> {
        for script in &self.message.scripts {
            self.run_script(connection, script)?;
        }
        match connection.batch_execute("SET CONSTRAINTS ALL IMMEDIATE") {
            Err(error) if self.is_same_error(&error) => {
                ControlFlow::Break(FailureLocation::Commit {
                    file: self.message.file(),
                })
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn run_script<C: PgSession>(
        &self,
        connection: &mut C,
        script: &MessageScript<'_>,
    ) -> ControlFlow<FailureLocation> {
        let sql = &script.script.sql;
        for statement in split(sql, Strings::Standard).unwrap_or_default() {
            let is_moved = |moved: &Range<usize>| moved.start == statement.start;
            if script.moved.iter().any(is_moved) {
                continue;
            }
            let Err(error) = connection.batch_execute(statement.sql(sql)) else {
                continue;
            };
            if !self.is_same_error(&error) {
                return ControlFlow::Break(FailureLocation::Unknown {
                    file: script.script.file.clone(),
                });
            }
            let offset = self.agreed_offset(script, statement.start, statement.sql(sql), &error);
            return ControlFlow::Break(FailureLocation::Statement(match offset {
                Some(offset) => script.script.position_at(offset),
                None => script.script.line_at(statement.start),
            }));
        }
        ControlFlow::Continue(())
    }

    fn is_same_error(&self, error: &DieselError) -> bool {
        matches!(error, DieselError::DatabaseError(_, information) if information.message() == self.original.message())
    }

    /// Returns the byte of the script if the positions of both errors agree on it.
    ///
    /// They disagree for an error in a query inside a function: Diesel passes on the position in that query, which does
    /// not depend on where the statement starts in what was sent.
    fn agreed_offset(
        &self,
        script: &MessageScript<'_>,
        start: usize,
        statement: &str,
        error: &DieselError,
    ) -> Option<usize> {
        let DieselError::DatabaseError(_, information) = error else {
            return None;
        };
        let alone = position(statement, information.as_ref())?;
        (self.position? == script.start + start + alone).then_some(start + alone)
    }
}

/// Returns PostgreSQL's position as a byte of the SQL that was sent.
fn position(
    sent: &str,
    information: &(dyn DatabaseErrorInformation + Send + Sync),
) -> Option<usize> {
    byte_offset(
        sent,
        usize::try_from(information.statement_position()?).ok()?,
    )
}

fn script_at<'a>(
    message: &'a Message<'_>,
    position: usize,
) -> Option<(&'a MessageScript<'a>, usize)> {
    message.scripts.iter().find_map(|script| {
        let offset = position.checked_sub(script.start)?;
        (offset < script.script.sql.len()).then_some((script, offset))
    })
}

/// Returns the script whose [`SCRIPT_END`] is at this position.
fn script_before<'a>(message: &'a Message<'_>, position: usize) -> Option<&'a MessageScript<'a>> {
    message.scripts.iter().find(|script| {
        let end = script.start + script.script.sql.len();
        (end..end + SCRIPT_END.len()).contains(&position)
    })
}

/// Returns whether PostgreSQL's message names the token at this byte. Then the position is one in this SQL, and not in
/// a query inside a function.
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
            // A short word may occur in any sentence: it must be quoted to mean the token.
            let is_quoted = before == Some('"');
            (is_quoted || token.len() > 2 && !before.is_some_and(is_part_of_word))
                && !(token.ends_with(is_part_of_word) && after.is_some_and(is_part_of_word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_plausible_if_the_message_names_its_token() {
        let sql = "SELECT price, a FROM \"plugin_a\".\"items\"";
        let at = |token| sql.find(token).unwrap();
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
