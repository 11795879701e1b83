use std::ops::Range;

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// A token that is neither whitespace nor a comment.
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
    pub(crate) source: &'a str,
}

impl Token<'_> {
    /// Returns whether this is the unquoted keyword `word`.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Ident && self.source.eq_ignore_ascii_case(word)
    }
}

/// An unterminated quote or comment, which would swallow the statements that are sent after it.
#[derive(Debug)]
pub(crate) struct Unterminated {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
}

/// Returns the tokens of `sql` with their byte ranges.
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
                source: &sql[range.clone()],
                range,
            })),
        }
    })
}

/// Returns the token that starts at this byte.
pub(crate) fn token_at(sql: &str, offset: usize) -> Option<&str> {
    tokens(sql)
        .map_while(Result::ok)
        .take_while(|token| token.range.start <= offset)
        .find(|token| token.range.start == offset)
        .map(|token| token.source)
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
