use std::ops::Range;

use squawk_lexer::TokenKind;

use super::tokens::{Token, Unterminated, tokens};

/// A statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The statement with the whitespace and comments before it, its semicolon, and for the last one the rest of
    /// the script.
    pub(crate) range: Range<usize>,
    /// The byte at which its first token starts.
    pub(crate) start: usize,
}

impl Statement {
    /// Returns the statement from its first token on.
    pub(crate) fn sql<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.start..self.range.end]
    }
}

/// Splits a script into its statements. Their ranges cover the whole script, unless it has no statement.
pub(crate) fn split(sql: &str) -> Result<Vec<Statement>, Unterminated> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut end = 0;
    let mut open: Option<OpenStatement> = None;
    for token in tokens(sql) {
        let token = token?;
        if open.is_none() && token.kind == TokenKind::Semi {
            continue;
        }
        let statement = open.get_or_insert_with(|| OpenStatement::new(token.range.start));
        if statement.ends_with(&token) {
            statements.push(Statement {
                range: end..token.range.end,
                start: statement.start,
            });
            end = token.range.end;
            open = None;
        }
    }
    if let Some(OpenStatement { start, .. }) = open {
        statements.push(Statement {
            range: end..sql.len(),
            start,
        });
    } else if let Some(last) = statements.last_mut() {
        last.range.end = sql.len();
    }
    Ok(statements)
}

/// A statement that is not complete yet. A semicolon ends it, except inside parentheses (`CREATE RULE`) and between
/// `BEGIN ATOMIC` and its `END`.
struct OpenStatement {
    start: usize,
    first_words: Vec<String>,
    parentheses: usize,
    /// The number of open blocks, each closed by an `END`.
    blocks: usize,
    after_begin: bool,
    /// The next word is a name even if it is a keyword, because it follows a dot or `AS`.
    expects_name: bool,
}

impl OpenStatement {
    fn new(start: usize) -> Self {
        Self {
            start,
            first_words: Vec::new(),
            parentheses: 0,
            blocks: 0,
            after_begin: false,
            expects_name: false,
        }
    }

    fn ends_with(&mut self, token: &Token<'_>) -> bool {
        match token.kind {
            TokenKind::Semi if self.parentheses == 0 && self.blocks == 0 => return true,
            TokenKind::OpenParen => self.parentheses += 1,
            TokenKind::CloseParen => self.parentheses = self.parentheses.saturating_sub(1),
            TokenKind::Ident => self.read_word(token),
            _ => {}
        }
        self.after_begin = token.is("begin");
        self.expects_name = token.kind == TokenKind::Dot || token.is("as");
        false
    }

    fn read_word(&mut self, token: &Token<'_>) {
        if self.first_words.len() < 4 {
            self.first_words.push(token.source.to_ascii_lowercase());
        }
        if self.expects_name {
            return;
        }
        if self.blocks == 0 {
            if self.after_begin && token.is("atomic") && self.creates_routine() {
                self.blocks = 1;
            }
        } else if token.is("case") {
            self.blocks += 1;
        } else if token.is("end") {
            self.blocks -= 1;
        }
    }

    fn creates_routine(&self) -> bool {
        let words: Vec<&str> = self.first_words.iter().map(String::as_str).collect();
        matches!(
            words.as_slice(),
            ["create", "function" | "procedure", ..]
                | ["create", "or", "replace", "function" | "procedure"]
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statements(sql: &str) -> Vec<&str> {
        let statements = split(sql).unwrap();
        statements.iter().map(|s| s.sql(sql).trim_end()).collect()
    }

    #[test]
    fn semicolons_in_comments_strings_and_bodies_end_nothing() {
        let sql =
            "/* ; /* ; */ */ select ';' -- ;\n; select $a$ ; $b$ ; $a$, \";\", E'\\';' ; -- end ;";
        assert_eq!(
            statements(sql),
            [
                "select ';' -- ;\n;",
                "select $a$ ; $b$ ; $a$, \";\", E'\\';' ; -- end ;"
            ]
        );
    }

    #[test]
    fn a_rule_with_two_commands_is_one_statement() {
        let sql = "create rule r as on insert to t do (select 1; select 2); select 3";
        assert_eq!(statements(sql)[1], "select 3");
    }

    #[test]
    fn a_routine_with_an_sql_body_is_one_statement() {
        let sql = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 \
                   END; SELECT 2; END; COMMIT; BEGIN; SELECT 1; END;";
        assert_eq!(
            statements(sql)[1..],
            ["COMMIT;", "BEGIN;", "SELECT 1;", "END;"]
        );
        let sql = "create function f() returns int begin atomic select 1 as end, t.case from t; end; select 2";
        assert_eq!(statements(sql)[1], "select 2");
    }

    #[test]
    fn empty_statements_and_comments_are_skipped() {
        assert_eq!(statements(";; -- x\n;/* y */"), [""; 0]);
        assert_eq!(statements(";;select 1;;"), ["select 1;;"]);
    }

    #[test]
    fn an_unterminated_token_is_reported_at_its_start() {
        for sql in [
            "a /* /* */",
            "a 'b",
            "a \"b",
            "a $x$ $y$",
            "a E'b\\'",
            "a $$",
        ] {
            assert_eq!(split(sql).unwrap_err().offset, 2, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn statements_cover_the_script_and_are_not_split_further(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("select "), Just("; "), Just("("), Just(")"), Just("'a;b' "), Just("$x$;$x$ "), Just("-- ;\n"),
                    Just("/* ; */"), Just("create function f() "), Just("begin "), Just("atomic "), Just("case "),
                    Just("end "), Just("ü "), Just("\r\n"), Just("or replace "),
                ],
                0..40,
            )
        ) {
            let sql = parts.concat();
            let statements = split(&sql).unwrap();
            let mut end = 0;
            for statement in &statements {
                prop_assert_eq!(statement.range.start, end);
                prop_assert!(statement.range.contains(&statement.start));
                end = statement.range.end;
                let alone = statement.sql(&sql);
                prop_assert_eq!(split(alone).unwrap(), vec![Statement { range: 0..alone.len(), start: 0 }]);
            }
            prop_assert!(statements.is_empty() || end == sql.len());
        }

        #[test]
        fn any_string_is_split_without_a_panic(sql in "\\PC{0,80}") {
            let _ = split(&sql);
        }
    }
}
