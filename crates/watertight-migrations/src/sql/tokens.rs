use std::ops::Range;

use super::strings::Strings;

/// A token that is neither whitespace nor a comment.
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
    sql: &'a str,
}

/// The kinds that matter for what is read from a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An unquoted identifier or keyword.
    Word,
    QuotedName,
    /// A string with or without a prefix, and with its continuations on further lines.
    String,
    DollarQuoted,
    /// A number with what PostgreSQL rejects as its trailing junk, or a parameter such as `$1`.
    Number,
    /// Any other character.
    Symbol(u8),
}

impl<'a> Token<'a> {
    /// Returns whether this is the unquoted keyword `word`.
    pub(crate) fn is(&self, word: &str) -> bool {
        // The length first: this is called for each word of a large script.
        self.kind == TokenKind::Word
            && self.len() == word.len()
            && self.source().eq_ignore_ascii_case(word)
    }

    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.range.end - self.range.start
    }

    pub(crate) fn source(&self) -> &'a str {
        &self.sql[self.range.start..self.range.end]
    }

    /// Returns the part of a string between its quotes, as it is written.
    pub(crate) fn content(&self) -> Option<&'a str> {
        let source = self.source();
        let delimiter = match self.kind {
            TokenKind::DollarQuoted => {
                let tag = source[1..].find('$')?;
                &source[..tag + 2]
            }
            TokenKind::String => "'",
            _ => return None,
        };
        let (_, rest) = source.split_once(delimiter)?;
        rest.strip_suffix(delimiter)
    }
}

/// An unterminated quote or comment, which would swallow the statements that are sent after it.
#[derive(Debug)]
pub(crate) struct Unterminated {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
}

/// The tokens of a script, as PostgreSQL's `scan.l` reads them. They end after an error.
///
/// Plain loops over bytes, because a large script is also read by a development build. Each byte outside ASCII is a
/// letter to PostgreSQL.
pub(crate) struct Tokens<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// May be changed between two tokens.
    pub(crate) strings: Strings,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(sql: &'a str, strings: Strings) -> Self {
        Self {
            sql,
            bytes: sql.as_bytes(),
            position: 0,
            strings,
        }
    }

    /// Returns the end of the script.
    pub(crate) fn end(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Unterminated>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.skip_whitespace_and_comments() {
            self.position = self.bytes.len();
            return Some(Err(error));
        }
        let start = self.position;
        if start == self.bytes.len() {
            return None;
        }
        let end_and_kind = self.token(start);
        let (end, kind) = match end_and_kind {
            Ok(found) => found,
            Err(what) => {
                self.position = self.bytes.len();
                return Some(Err(Unterminated {
                    what,
                    offset: start,
                }));
            }
        };
        self.position = end;
        Some(Ok(Token {
            kind,
            range: start..end,
            sql: self.sql,
        }))
    }
}

impl Tokens<'_> {
    /// Returns the byte at `at`, or NUL after the end.
    fn at(&self, at: usize) -> u8 {
        if at < self.bytes.len() {
            self.bytes[at]
        } else {
            0
        }
    }

    fn skip_whitespace_and_comments(&mut self) -> Result<(), Unterminated> {
        let bytes = self.bytes;
        let mut at = self.position;
        while at < bytes.len() {
            let byte = bytes[at];
            if CLASSES[byte as usize] & SPACE != 0 {
                at += 1;
            } else if byte == b'-' && self.at(at + 1) == b'-' {
                at = self.line_end(at);
            } else if byte == b'/' && self.at(at + 1) == b'*' {
                at = self.block_comment_end(at)?;
            } else {
                break;
            }
        }
        self.position = at;
        Ok(())
    }

    fn line_end(&self, mut at: usize) -> usize {
        while at < self.bytes.len() && !is_newline(self.bytes[at]) {
            at += 1;
        }
        at
    }

    fn block_comment_end(&self, start: usize) -> Result<usize, Unterminated> {
        let mut depth = 0;
        let mut at = start;
        while at < self.bytes.len() {
            match (self.bytes[at], self.at(at + 1)) {
                (b'/', b'*') => {
                    depth += 1;
                    at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        return Ok(at);
                    }
                }
                _ => at += 1,
            }
        }
        Err(Unterminated {
            what: "comment `/*`",
            offset: start,
        })
    }

    /// Returns the end and the kind of the token that begins here, or what is not terminated.
    fn token(&self, start: usize) -> Result<(usize, TokenKind), &'static str> {
        let byte = self.bytes[start];
        let class = CLASSES[byte as usize];
        if class == 0 {
            return Ok((start + 1, TokenKind::Symbol(byte)));
        }
        let next = self.at(start + 1);
        if class & WORD != 0 && class & DIGIT == 0 && next != b'\'' && next != b'&' {
            return Ok((self.word_end(start, WORD | DOLLAR), TokenKind::Word));
        }
        match byte {
            b'\'' => self.string_end(start, self.strings == Strings::Escaped),
            b'n' | b'N' if next == b'\'' => {
                self.string_end(start + 1, self.strings == Strings::Escaped)
            }
            b'e' | b'E' if next == b'\'' => self.string_end(start + 1, true),
            b'b' | b'B' | b'x' | b'X' if next == b'\'' => self.string_end(start + 1, false),
            b'u' | b'U' if next == b'&' && self.at(start + 2) == b'\'' => {
                self.string_end(start + 2, false)
            }
            b'u' | b'U' if next == b'&' && self.at(start + 2) == b'"' => {
                self.quoted_name_end(start + 2)
            }
            b'"' => self.quoted_name_end(start),
            b'$' if next.is_ascii_digit() => {
                Ok((self.word_end(start + 1, WORD), TokenKind::Number))
            }
            b'$' => self.dollar_quoted_end(start),
            b'0'..=b'9' => Ok((self.number_end(start), TokenKind::Number)),
            b'.' if next == b'.' => Ok((start + 2, TokenKind::Symbol(byte))),
            b'.' if next.is_ascii_digit() => Ok((self.number_end(start), TokenKind::Number)),
            _ if class & WORD != 0 => Ok((self.word_end(start, WORD | DOLLAR), TokenKind::Word)),
            _ => Ok((start + 1, TokenKind::Symbol(byte))),
        }
    }

    /// Returns the end of a string and its continuations, whose first quote is at `quote`.
    fn string_end(&self, quote: usize, escapes: bool) -> Result<(usize, TokenKind), &'static str> {
        let bytes = self.bytes;
        let mut at = quote + 1;
        while at < bytes.len() {
            let byte = bytes[at];
            if byte != b'\'' {
                at += if byte == b'\\' && escapes { 2 } else { 1 };
            } else if self.at(at + 1) == b'\'' {
                at += 2;
            } else if let Some(quote) = self.continuation(at + 1) {
                at = quote + 1;
            } else {
                return Ok((at + 1, TokenKind::String));
            }
        }
        Err("string `'`")
    }

    /// Returns the quote that continues a string which ends here, after whitespace and `--` comments with a newline.
    fn continuation(&self, mut at: usize) -> Option<usize> {
        let mut after_newline = false;
        loop {
            let byte = self.at(at);
            if is_space(byte) {
                after_newline |= is_newline(byte);
                at += 1;
            } else if byte == b'-' && self.at(at + 1) == b'-' {
                at = self.line_end(at);
            } else {
                return (after_newline && byte == b'\'').then_some(at);
            }
        }
    }

    fn quoted_name_end(&self, quote: usize) -> Result<(usize, TokenKind), &'static str> {
        let mut at = quote + 1;
        while at < self.bytes.len() {
            if self.bytes[at] != b'"' {
                at += 1;
            } else if self.at(at + 1) == b'"' {
                at += 2;
            } else {
                return Ok((at + 1, TokenKind::QuotedName));
            }
        }
        Err("quoted name `\"`")
    }

    fn dollar_quoted_end(&self, start: usize) -> Result<(usize, TokenKind), &'static str> {
        let tag_end = self.word_end(start + 1, WORD);
        if self.at(tag_end) != b'$' {
            return Ok((start + 1, TokenKind::Symbol(b'$')));
        }
        let content = tag_end + 1;
        let tag = &self.sql[start..content];
        match self.sql[content..].find(tag) {
            Some(length) => Ok((content + length + tag.len(), TokenKind::DollarQuoted)),
            None => Err("dollar-quoted string"),
        }
    }

    fn number_end(&self, start: usize) -> usize {
        let mut at = start;
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            if is_word(byte) {
                at += 1;
                continue;
            }
            let next = self.at(at + 1);
            let in_number = byte == b'.' && next != b'.'
                || matches!(byte, b'+' | b'-')
                    && matches!(self.bytes[at - 1], b'e' | b'E')
                    && next.is_ascii_digit();
            if !in_number {
                break;
            }
            at += 1;
        }
        at
    }

    /// Returns the first byte from `at` on that is in none of these classes.
    fn word_end(&self, mut at: usize, classes: u8) -> usize {
        let bytes = self.bytes;
        while at < bytes.len() && CLASSES[bytes[at] as usize] & classes != 0 {
            at += 1;
        }
        at
    }
}

const SPACE: u8 = 1;
const WORD: u8 = 2;
const DIGIT: u8 = 4;
const DOLLAR: u8 = 8;
/// What begins a token of more than one character.
const SPECIAL: u8 = 16;

/// The classes of each byte, in a table because a development build calls functions slowly.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            // The last two are vertical tab, a space since PostgreSQL 16, and form feed.
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'0'..=b'9' => WORD | DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => WORD,
            b'$' => DOLLAR | SPECIAL,
            b'\'' | b'"' | b'.' => SPECIAL,
            _ => 0,
        };
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

fn is_space(byte: u8) -> bool {
    CLASSES[byte as usize] & SPACE != 0
}

fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn is_word(byte: u8) -> bool {
    CLASSES[byte as usize] & WORD != 0
}

/// Returns the token that starts at this byte.
pub(crate) fn token_at(sql: &str, offset: usize) -> Option<&str> {
    Tokens::new(sql, Strings::Standard)
        .map_while(Result::ok)
        .take_while(|token| token.range.start <= offset)
        .find(|token| token.range.start == offset)
        .map(|token| token.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str, strings: Strings) -> Vec<String> {
        Tokens::new(sql, strings)
            .map(|token| {
                token.map_or_else(
                    |e| format!("unterminated at {}", e.offset),
                    |t| t.source().to_owned(),
                )
            })
            .collect()
    }

    fn standard(sql: &str) -> Vec<String> {
        read(sql, Strings::Standard)
    }

    #[test]
    fn a_string_continues_after_whitespace_with_a_newline_and_keeps_its_escapes() {
        for sql in [
            "E'a'\n'it\\'s; ok'",
            "'a' -- it's\n\t-- x\r\n 'b'",
            "e'\\\\'\r'b\\''",
            "U&'a'\n'b\\'",
            "B'01'\n'10'",
            "N'a'\n'b'",
            "x'a'\x0c\n'b'",
        ] {
            assert_eq!(standard(sql), [sql]);
        }
        assert_eq!(standard("'a' 'b'"), ["'a'", "'b'"]);
        assert_eq!(standard("'a' /* \n */\n'b'"), ["'a'", "'b'"]);
        assert_eq!(standard("'a'\n-'b'"), ["'a'", "-", "'b'"]);
        assert_eq!(standard("E'a'\nE'b'"), ["E'a'", "E'b'"]);
        assert_eq!(standard("e'a' -- 'b'"), ["e'a'"]);
    }

    #[test]
    fn backslashes_escape_in_plain_strings_only_without_standard_conforming_strings() {
        assert_eq!(standard("'a\\' b"), ["'a\\'", "b"]);
        assert_eq!(read("'a\\' b' c", Strings::Escaped), ["'a\\' b'", "c"]);
        assert_eq!(read("n'a\\' b' c", Strings::Escaped), ["n'a\\' b'", "c"]);
        assert_eq!(
            read("B'\\' U&'\\' \"\\\"", Strings::Escaped),
            ["B'\\'", "U&'\\'", "\"\\\""]
        );
    }

    #[test]
    fn a_prefix_is_one_only_at_the_start_of_a_word() {
        assert_eq!(
            standard("like'\\' date'x' u&v"),
            ["like", "'\\'", "date", "'x'", "u", "&", "v"]
        );
        assert_eq!(
            standard("U&\"a\"\"b\" UESCAPE '!'"),
            ["U&\"a\"\"b\"", "UESCAPE", "'!'"]
        );
    }

    #[test]
    fn a_dollar_quote_does_not_begin_in_a_word() {
        assert_eq!(standard("a$$b $$c$x$$"), ["a$$b", "$$c$x$$"]);
        assert_eq!(
            standard("$a$ $b$a$ $1 $1$$x$$"),
            ["$a$ $b$a$", "$1", "$1", "$$x$$"]
        );
        assert_eq!(standard("$ü$;$u$;$ü$"), ["$ü$;$u$;$ü$"]);
        assert_eq!(standard("$a b$ 1$$'$$"), ["$", "a", "b$", "1", "$$'$$"]);
    }

    #[test]
    fn comments_begin_inside_operators_and_nest() {
        assert_eq!(
            standard("1 +-- '\n2 @/* ' /* */ */- 3 */* x */ 4"),
            ["1", "+", "2", "@", "-", "3", "*", "4"]
        );
        assert_eq!(
            standard("/**/ a /***/ b /* // */ c /*/ */"),
            ["a", "b", "c"]
        );
        assert_eq!(standard("a -- x\rb"), ["a", "b"]);
    }

    #[test]
    fn numbers_keep_their_junk_and_ranges_are_not_numbers() {
        assert_eq!(
            standard("1_000 0xFF 1.5e-3 .5 1..10 1e+5 12ab $1a t.1"),
            [
                "1_000", "0xFF", "1.5e-3", ".5", "1", "..", "10", "1e+5", "12ab", "$1a", "t", ".1"
            ]
        );
    }

    #[test]
    fn an_unterminated_token_ends_the_tokens() {
        for sql in [
            "a 'b",
            "a E'b\\'",
            "a \"b",
            "a U&\"b",
            "a $x$ $y$",
            "a /* /* */",
            "a $$",
            "a 'b'\n'c",
            "a E'\\",
        ] {
            assert_eq!(standard(sql), ["a", "unterminated at 2"], "{sql}");
        }
    }
}
