//! Where in its file a statement failed.

use watertight_diagnostics::{PostgresError, SourceExcerpt};

use super::message::{Message, PartKind};
use crate::errors::FailureLocation;
use crate::sources::Script;
use crate::sql::{byte_offset, token_at};

/// Returns the location of an error in a part of a message.
pub(super) fn location(
    message: &Message,
    part: usize,
    scripts: &[&Script],
    error: &PostgresError,
) -> FailureLocation {
    let byte = message.byte_of(part, error);
    let part = &message.parts[part];
    let file = || {
        let script = scripts.last();
        script.map_or_else(String::new, |script| script.file.clone())
    };
    match part.kind {
        PartKind::Statement { script, start } => {
            let script = scripts[script];
            let offset = byte
                .filter(|offset| part.range.contains(offset))
                .map(|offset| start + (offset - part.range.start))
                .filter(|offset| is_plausible(error, &script.sql, *offset));
            FailureLocation::Statement(match offset {
                Some(offset) => script.position_at(offset),
                None => script.line_at(start),
            })
        }
        PartKind::Begin | PartKind::Check => FailureLocation::Begin,
        PartKind::RestoreSettings => FailureLocation::RestoreSettings,
        PartKind::Guard | PartKind::History => FailureLocation::History,
        PartKind::Commit => FailureLocation::Commit { file: file() },
    }
}

/// Returns the location of an error of a statement that was sent alone and starts at this byte of its script.
pub(super) fn location_alone(
    script: &Script,
    start: usize,
    statement: &str,
    error: &PostgresError,
) -> SourceExcerpt {
    let offset = error
        .position()
        .and_then(|position| byte_offset(statement, position))
        .map(|offset| start + offset)
        .filter(|offset| is_plausible(error, &script.sql, *offset));
    match offset {
        Some(offset) => script.position_at(offset),
        None => script.line_at(start),
    }
}

/// Returns whether the position is one in this SQL, and not in a query inside a function.
fn is_plausible(error: &PostgresError, sql: &str, offset: usize) -> bool {
    offset < sql.len()
        && (!error.position_may_be_internal() || names_token(error.message(), sql, offset))
}

/// Returns the name with dots, such as `t.price`, at the beginning of this SQL.
fn qualified_name(sql: &str) -> Option<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let end = sql.find(|c| !is_part(c)).unwrap_or(sql.len());
    let name = sql[..end].trim_end_matches('.');
    name.contains('.').then_some(name)
}

/// Returns whether PostgreSQL's message names the token at this byte.
fn names_token(message: &str, sql: &str, offset: usize) -> bool {
    let Some(token) = token_at(sql, offset) else {
        return false;
    };
    if let Some(name) = qualified_name(&sql[offset..]) {
        return message.contains(name);
    }
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
