use std::ops::Range;

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// A token that is neither blank nor comment.
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
    pub(crate) text: &'a str,
}

impl Token<'_> {
    /// Is it this key word, quoted neither with `"` nor `'`?
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Ident && self.text.eq_ignore_ascii_case(word)
    }
}

/// A quote or a comment that never ends: it would swallow whatever is sent after it.
#[derive(Debug)]
pub(crate) struct Unterminated {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
}

/// The tokens of `sql` with their places in it.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = Result<Token<'_>, Unterminated>> {
    let mut end = 0;
    tokenize(sql).filter_map(move |token| {
        let range = end..end + token.len as usize;
        end = range.end;
        if let Some(what) = unterminated(token.kind) {
            return Some(Err(Unterminated {
                what,
                offset: range.start,
            }));
        }
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => None,
            kind => Some(Ok(Token {
                kind,
                text: &sql[range.clone()],
                range,
            })),
        }
    })
}

/// The text of the token that starts exactly at this byte.
pub(crate) fn token_at(sql: &str, offset: usize) -> Option<&str> {
    tokens(sql)
        .map_while(Result::ok)
        .take_while(|token| token.range.start <= offset)
        .find(|token| token.range.start == offset)
        .map(|token| token.text)
}

fn unterminated(kind: TokenKind) -> Option<&'static str> {
    match kind {
        TokenKind::BlockComment { terminated: false } => Some("comment `/*`"),
        TokenKind::QuotedIdent {
            terminated: false, ..
        } => Some("quoted name `\"`"),
        TokenKind::Literal { kind } => match kind {
            LiteralKind::DollarQuotedString { terminated: false } => Some("dollar-quoted string"),
            LiteralKind::Str { terminated: false }
            | LiteralKind::EscStr { terminated: false }
            | LiteralKind::BitStr { terminated: false }
            | LiteralKind::ByteStr { terminated: false }
            | LiteralKind::NationalStr { terminated: false }
            | LiteralKind::UnicodeEscStr { terminated: false } => Some("string `'`"),
            _ => None,
        },
        _ => None,
    }
}
