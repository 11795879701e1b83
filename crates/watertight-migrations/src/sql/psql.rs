use super::split::split;
use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens};

/// Returns SQL that psql reads as PostgreSQL reads `sql`, with a semicolon and a line break at its end.
///
/// psql replaces `:name`, `:'name'` and `:"name"` outside of quotes, as in `prices[1:size]`, if it has a variable with
/// that name. It does not if the colon is followed by a space, which means the same to PostgreSQL.
pub(crate) fn for_psql(sql: &str, strings: Strings) -> String {
    let mut result = String::with_capacity(sql.len() + 2);
    let mut is_complete = true;
    for statement in split(sql, strings).unwrap_or_default() {
        let sql = &sql[statement.range];
        let tokens: Vec<Token<'_>> = Tokens::new(sql, statement.strings)
            .map_while(Result::ok)
            .collect();
        let mut end = 0;
        for pair in tokens.windows(2) {
            let [colon, next] = pair else { continue };
            let is_single = colon.source() == ":" && next.source() != ":" && next.source() != "=";
            if is_single
                && colon.range.end == next.range.start
                && !sql[..colon.range.start].ends_with(':')
            {
                result.push_str(&sql[end..colon.range.end]);
                result.push(' ');
                end = colon.range.end;
            }
        }
        result.push_str(&sql[end..]);
        let last = tokens.last();
        is_complete = last.is_some_and(|token| token.kind == TokenKind::Symbol(b';'));
    }
    if !result.ends_with('\n') {
        result.push('\n');
    }
    if !is_complete {
        result.push_str(";\n");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_before_a_name_gets_a_space_outside_of_quotes() {
        for (sql, expected) in [
            ("SELECT a[1:size];\n", "SELECT a[1: size];\n"),
            (
                "SELECT a[1:\"n\"], a[:n];\n",
                "SELECT a[1: \"n\"], a[: n];\n",
            ),
            (
                "SELECT '1:size', $$ :size $$, a::text; -- :size\n",
                "SELECT '1:size', $$ :size $$, a::text; -- :size\n",
            ),
            ("SELECT f(a := 1, b :=c);\n", "SELECT f(a := 1, b :=c);\n"),
            (
                "SELECT '\\', a[1:size];\nSET standard_conforming_strings = off; SELECT '\\' :size', a[1:size];\n",
                "SELECT '\\', a[1: size];\nSET standard_conforming_strings = off; SELECT '\\' :size', a[1: size];\n",
            ),
        ] {
            assert_eq!(for_psql(sql, Strings::Standard), expected);
        }
    }

    #[test]
    fn the_last_statement_is_terminated_also_before_a_comment() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1\n;\n"),
            ("SELECT 1;", "SELECT 1;\n"),
            ("SELECT 1 -- one;", "SELECT 1 -- one;\n;\n"),
            ("SELECT 1; -- one", "SELECT 1; -- one\n"),
        ] {
            assert_eq!(for_psql(sql, Strings::Standard), expected);
        }
    }
}
