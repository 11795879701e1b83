use std::ops::Range;

use super::split::{Part, ScriptReader};
use super::strings::Strings;
use super::tokens::{Token, TokenKind};

/// Returns the statements `SET TRANSACTION …` that must come before the first query of a script, without their
/// semicolons.
///
/// PostgreSQL accepts them after statements that take no snapshot. One that is not correct is left where it is, so that
/// its error has its location.
pub(crate) fn leading_set_transaction(sql: &str, strings: Strings) -> Vec<Range<usize>> {
    let mut script = ScriptReader::new(sql, strings);
    let mut found = Vec::new();
    let mut statement: Vec<Token<'_>> = Vec::new();
    while let Ok(Some(part)) = script.next() {
        match part {
            Part::Token(token) => {
                let takes_no_snapshot = |token: &Token<'_>| {
                    ["set", "reset", "show", "lock"]
                        .iter()
                        .any(|command| token.is(command))
                };
                if statement.is_empty() && !takes_no_snapshot(&token) {
                    break;
                }
                statement.push(token);
            }
            Part::End(_) => {
                if let [first, .., last] = &statement[..]
                    && is_set_transaction(&statement)
                {
                    found.push(first.range.start..last.range.end);
                }
                statement.clear();
            }
        }
    }
    found
}

fn is_set_transaction(statement: &[Token<'_>]) -> bool {
    let mut words = Vec::new();
    let mut after_comma = false;
    for token in statement {
        match token.kind {
            TokenKind::Word => words.push(token.source().to_ascii_lowercase()),
            // Commas between the modes are optional.
            TokenKind::Symbol(b',') if words.len() > 3 && !after_comma => {}
            TokenKind::String if words.last().is_some_and(|word| word == "snapshot") => {
                words.push("'…'".to_owned());
            }
            _ => return false,
        }
        after_comma = token.kind == TokenKind::Symbol(b',');
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (["set", "transaction", ref modes @ ..]
    | ["set", "local" | "session", "transaction", ref modes @ ..]) = words[..]
    else {
        return false;
    };
    !after_comma && (*modes == ["snapshot", "'…'"] || are_modes(modes))
}

fn are_modes(mut modes: &[&str]) -> bool {
    if modes.is_empty() {
        return false;
    }
    while !modes.is_empty() {
        modes = match modes {
            ["isolation", "level", "serializable", rest @ ..]
            | ["isolation", "level", "repeatable", "read", rest @ ..]
            | [
                "isolation",
                "level",
                "read",
                "committed" | "uncommitted",
                rest @ ..,
            ]
            | ["read", "only" | "write", rest @ ..]
            | ["not", "deferrable", rest @ ..]
            | ["deferrable", rest @ ..] => rest,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leading(sql: &str) -> Vec<&str> {
        let ranges = leading_set_transaction(sql, Strings::Standard);
        ranges.into_iter().map(|range| &sql[range]).collect()
    }

    #[test]
    fn set_transaction_is_found_before_the_first_query() {
        let sql = "-- x\n;set transaction isolation level serializable, read write NOT DEFERRABLE ; SET LOCAL lock_timeout = 1;\n\
                   LOCK TABLE t; SET LOCAL TRANSACTION\nDEFERRABLE; SET TRANSACTION SNAPSHOT 'a' -- b\n; SELECT 1; SET TRANSACTION READ ONLY";
        assert_eq!(
            leading(sql),
            [
                "set transaction isolation level serializable, read write NOT DEFERRABLE",
                "SET LOCAL TRANSACTION\nDEFERRABLE",
                "SET TRANSACTION SNAPSHOT 'a'",
            ]
        );
    }

    #[test]
    fn what_is_not_a_correct_set_transaction_stays_where_it_is() {
        for sql in [
            "SET TRANSACTION",
            "SET TRANSACTION ISOLATION LEVEL x",
            "SET TRANSACTION READ ONLY,",
            "SET TRANSACTION READ ONLY,, READ WRITE",
            "SET TRANSACTION, READ ONLY",
            "SET TRANSACTION SNAPSHOT",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SELECT 1; SET TRANSACTION READ ONLY",
            "SET \"transaction\" READ ONLY",
        ] {
            assert_eq!(leading(sql), [""; 0], "{sql}");
        }
    }
}
