use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::sql::{Strings, Tokens};

/// The checksums of a script, as SHA-256 in hex.
#[derive(Clone, Debug)]
pub(crate) struct Checksums {
    /// Independent of comments, line endings and whitespace. Histories get this one.
    ///
    /// What is inside a string, a quoted name or a dollar-quoted function body counts as it is, with its comments; only
    /// its line endings do not.
    pub(crate) current: String,
    /// As earlier versions of Watertight wrote it: only line endings do not count.
    earlier: String,
}

impl Checksums {
    pub(crate) fn of(sql: &str) -> Self {
        let lines = with_unix_lines(sql);
        Self {
            current: sha256(&without_comments(&lines)),
            earlier: sha256(&lines),
        }
    }

    /// Returns whether a checksum in a history is one of these.
    pub(crate) fn contain(&self, checksum: &str) -> bool {
        checksum == self.current || checksum == self.earlier
    }
}

/// Returns whether a checksum in a history is that of this script.
///
/// ```
/// use watertight_migrations::is_checksum_of;
///
/// let checksum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// assert!(is_checksum_of(checksum, "abc -- a comment"));
/// ```
pub fn is_checksum_of(checksum: &str, sql: &str) -> bool {
    Checksums::of(sql).contain(checksum)
}

fn sha256(sql: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(sql))
}

/// Returns the script without a byte order mark, and with `\n` as its line endings.
fn with_unix_lines(sql: &str) -> Cow<'_, str> {
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    if sql.contains('\r') {
        sql.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        sql.into()
    }
}

/// Replaces the whitespace and comments between two tokens by one space, or by nothing beside a character that is
/// always a token of its own. Returns a script that cannot be read as it is.
fn without_comments(sql: &str) -> String {
    let mut result = String::with_capacity(sql.len());
    let mut end = 0;
    for token in Tokens::new(sql, Strings::Standard) {
        let Ok(token) = token else {
            return sql.to_owned();
        };
        let is_alone = |character: Option<char>| character.is_none_or(|c| ",;()".contains(c));
        if token.range.start > end
            && !is_alone(result.chars().next_back())
            && !is_alone(token.source().chars().next())
        {
            result.push(' ');
        }
        result.push_str(token.source());
        end = token.range.end;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(sql: &str) -> String {
        Checksums::of(sql).current
    }

    #[test]
    fn comments_whitespace_and_line_endings_do_not_change_the_checksum() {
        let sql = "CREATE TABLE t (a int, b text);\nSELECT 1;\n";
        for same in [
            "CREATE TABLE t (a int, b text);\r\nSELECT 1;\r\n",
            "\u{feff}-- The table.\nCREATE TABLE t ( -- its columns\n    a int /* a */, \t\n    b text\n);\n\nSELECT 1 ; -- end",
            "CREATE/* a */TABLE t (a int, b text);   \nSELECT 1;",
        ] {
            assert_eq!(checksum(sql), checksum(same), "{same}");
        }
        for other in [
            "CREATE TABLE t (a int, c text);\nSELECT 1;\n",
            "CREATE TABLE t (a int, b text);\n-- SELECT 1;\n",
            "CREATE TABLE t (a int, btext);\nSELECT 1;\n",
        ] {
            assert_ne!(checksum(sql), checksum(other), "{other}");
        }
        insta::assert_snapshot!(checksum("abc"), @"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn whitespace_that_separates_tokens_counts() {
        for (one, other) in [
            ("SELECT a b", "SELECT ab"),
            ("SELECT 'a' 'b'", "SELECT 'a''b'"),
            ("SELECT \"a\" \"b\"", "SELECT \"a\"\"b\""),
            ("SELECT 1 - -1", "SELECT 1 --1"),
        ] {
            assert_ne!(checksum(one), checksum(other), "{one}");
        }
    }

    #[test]
    fn strings_and_function_bodies_count_as_they_are() {
        for (one, other) in [
            ("SELECT 'a -- b'", "SELECT 'a'"),
            ("SELECT 'a \nb'", "SELECT 'a\nb'"),
            ("SELECT \"a /* b */\"", "SELECT \"a\""),
            ("DO $$ SELECT 1; -- one\n$$", "DO $$ SELECT 1;\n$$"),
        ] {
            assert_ne!(checksum(one), checksum(other), "{one}");
        }
        assert_eq!(checksum("DO $$\r\n$$"), checksum("DO $$\n$$"));
    }

    #[test]
    fn an_earlier_checksum_is_recognized_only_if_nothing_changed() {
        let earlier = sha256("SELECT 1; -- one\n");
        assert!(is_checksum_of(&earlier, "SELECT 1; -- one\r\n"));
        assert!(!is_checksum_of(&earlier, "SELECT 1;\n"));
        assert!(is_checksum_of(&checksum("SELECT 1;"), "SELECT 1; -- one\n"));
    }

    #[test]
    fn a_script_that_cannot_be_read_has_a_checksum() {
        assert_ne!(checksum("SELECT 'a"), checksum("SELECT 'b"));
    }
}
