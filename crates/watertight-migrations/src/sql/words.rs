use std::collections::BTreeSet;

use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens};

/// A part of SQL for a reader that looks for words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// An unquoted or a quoted word.
    Word(&'a str),
    Dot,
    Semicolon,
    Other,
    /// The contents of a string begin, which may be SQL.
    StringStart,
    StringEnd,
}

/// Passes a token and, for a string, the words in it to `read`.
///
/// A dollar-quoted string is read as SQL. Any other, also in a dollar-quoted one, is read as words between other
/// characters, so that each byte is read at most twice however deep strings are nested.
pub(super) fn read_words(token: &Token<'_>, read: &mut dyn FnMut(Part<'_>)) {
    match token.kind {
        TokenKind::DollarQuoted => {
            read(Part::StringStart);
            let contents = token.content().unwrap_or_default();
            for token in Tokens::new(contents, Strings::Standard).map_while(Result::ok) {
                match token.kind {
                    TokenKind::DollarQuoted => read_string(&token, read),
                    _ => read_words(&token, read),
                }
            }
            read(Part::StringEnd);
        }
        TokenKind::String => read_string(token, read),
        TokenKind::Word => read(Part::Word(token.source())),
        TokenKind::QuotedName => read(Part::Word(token.source().trim_matches('"'))),
        TokenKind::Symbol(byte) => read(symbol(byte)),
        TokenKind::Number => read(Part::Other),
    }
}

/// Returns the words in `sql`, also those in its strings, in lower case.
pub(crate) fn mentioned_words(sql: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for token in Tokens::new(sql, Strings::Standard).map_while(Result::ok) {
        read_words(&token, &mut |part| {
            if let Part::Word(word) = part {
                words.insert(word.to_ascii_lowercase());
            }
        });
    }
    words
}

fn symbol<'a>(byte: u8) -> Part<'a> {
    match byte {
        b'.' => Part::Dot,
        b';' => Part::Semicolon,
        _ => Part::Other,
    }
}

fn read_string(token: &Token<'_>, read: &mut dyn FnMut(Part<'_>)) {
    let text = token.content().unwrap_or_default();
    let bytes = text.as_bytes();
    read(Part::StringStart);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        if at > start {
            read(Part::Word(&text[start..at]));
        } else {
            if !bytes[at].is_ascii_whitespace() {
                read(symbol(bytes[at]));
            }
            at += 1;
        }
    }
    read(Part::StringEnd);
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_a_comment_is_not_mentioned() {
        let mentions = |sql| mentioned_words(sql).contains("lock_timeout");
        for sql in [
            "SET LOCAL Lock_Timeout = 0",
            "SELECT set_config('lock_timeout', '0', true)",
            "DO $$ BEGIN EXECUTE 'SET lock_timeout = 0'; END $$",
        ] {
            assert!(mentions(sql), "{sql}");
        }
        assert!(!mentions(
            "-- lock_timeout\nSELECT /* lock_timeout */ lock_timeouts"
        ));
    }
}
