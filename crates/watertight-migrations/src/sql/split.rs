use std::ops::Range;

use squawk_lexer::TokenKind;

use super::token::{Token, Unterminated, tokens};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// All of it: what stands before it, its semicolon, and for the last one the rest of the script.
    pub(crate) range: Range<usize>,
    /// Where its first word begins.
    pub(crate) start: usize,
}

impl Statement {
    /// The statement from its first word on.
    pub(crate) fn text<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.start..self.range.end]
    }
}

/// The statements of a script, in order. Together their ranges cover it, unless it has none.
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

/// A statement that is being read. A semicolon ends it, but not in parentheses (`CREATE RULE`) and not between
/// `BEGIN ATOMIC` and its `END`.
struct OpenStatement {
    start: usize,
    first_words: Vec<String>,
    parentheses: usize,
    /// How many `END`s are missing.
    blocks: usize,
    after_begin: bool,
    /// The word that comes now is a name, also when it is a key word: behind a dot, or behind `AS`.
    names: bool,
}

impl OpenStatement {
    fn new(start: usize) -> Self {
        Self {
            start,
            first_words: Vec::new(),
            parentheses: 0,
            blocks: 0,
            after_begin: false,
            names: false,
        }
    }

    fn ends_with(&mut self, token: &Token<'_>) -> bool {
        match token.kind {
            TokenKind::Semi if self.parentheses == 0 && self.blocks == 0 => return true,
            TokenKind::OpenParen => self.parentheses += 1,
            TokenKind::CloseParen => self.parentheses = self.parentheses.saturating_sub(1),
            TokenKind::Ident => self.word(token),
            _ => {}
        }
        self.after_begin = token.is("begin");
        self.names = token.kind == TokenKind::Dot || token.is("as");
        false
    }

    fn word(&mut self, token: &Token<'_>) {
        if self.first_words.len() < 4 {
            self.first_words.push(token.text.to_ascii_lowercase());
        }
        if self.names {
            return;
        }
        if self.blocks == 0 {
            if self.after_begin && token.is("atomic") && self.makes_a_routine() {
                self.blocks = 1;
            }
        } else if token.is("case") {
            self.blocks += 1;
        } else if token.is("end") {
            self.blocks -= 1;
        }
    }

    fn makes_a_routine(&self) -> bool {
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

    fn texts(sql: &str) -> Vec<&str> {
        let statements = split(sql).unwrap();
        statements.iter().map(|s| s.text(sql).trim_end()).collect()
    }

    #[test]
    fn comments_strings_and_bodies_hide_semicolons() {
        let sql =
            "/* ; /* ; */ */ select ';' -- ;\n; select $a$ ; $b$ ; $a$, \";\", E'\\';' ; -- end ;";
        assert_eq!(
            texts(sql),
            [
                "select ';' -- ;\n;",
                "select $a$ ; $b$ ; $a$, \";\", E'\\';' ; -- end ;"
            ]
        );
    }

    #[test]
    fn a_rule_with_two_commands_is_one_statement() {
        let sql = "create rule r as on insert to t do (select 1; select 2); select 3";
        assert_eq!(texts(sql)[1], "select 3");
    }

    #[test]
    fn a_routine_with_an_sql_body_is_one_statement() {
        let sql = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 \
                   END; SELECT 2; END; COMMIT; BEGIN; SELECT 1; END;";
        assert_eq!(texts(sql)[1..], ["COMMIT;", "BEGIN;", "SELECT 1;", "END;"]);
        let sql = "create function f() returns int begin atomic select 1 as end, t.case from t; end; select 2";
        assert_eq!(texts(sql)[1], "select 2");
    }

    #[test]
    fn empty_statements_and_comments_alone_are_no_statements() {
        assert_eq!(texts(";; -- x\n;/* y */"), [""; 0]);
        assert_eq!(texts(";;select 1;;"), ["select 1;;"]);
    }

    #[test]
    fn what_never_ends_is_found_where_it_begins() {
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
        fn statements_cover_the_script_and_split_into_themselves(
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
                let text = statement.text(&sql);
                prop_assert_eq!(split(text).unwrap(), vec![Statement { range: 0..text.len(), start: 0 }]);
            }
            prop_assert!(statements.is_empty() || end == sql.len());
        }

        #[test]
        fn any_text_is_split_without_a_panic(sql in "\\PC{0,80}") {
            let _ = split(&sql);
        }
    }
}
