use std::ops::Range;

use super::string_setting::StringSetting;
use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens, Unterminated};

/// A statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The statement with the whitespace and comments before it, its semicolon, and for the last one the rest of
    /// the script.
    pub(crate) range: Range<usize>,
    /// The byte at which its first token starts.
    pub(crate) start: usize,
    /// How its strings are read.
    pub(crate) strings: Strings,
}

impl Statement {
    /// Returns the statement from its first token on.
    pub(crate) fn sql<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.start..self.range.end]
    }
}

/// Splits a script into its statements. Their ranges cover the whole script, unless it has no statement.
///
/// PostgreSQL reports exactly one completion for each of them. `strings` is how the session reads strings; a statement
/// of the script may change it for those after it.
pub(crate) fn split(sql: &str, strings: Strings) -> Result<Vec<Statement>, Unterminated> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut parts = ScriptReader::new(sql, strings);
    while let Some(part) = parts.next()? {
        if let Part::End(statement) = part {
            statements.push(statement);
        }
    }
    if let Some(last) = statements.last_mut() {
        last.range.end = sql.len();
    }
    Ok(statements)
}

/// A part of a script.
pub(super) enum Part<'a> {
    /// A token of the current statement.
    Token(Token<'a>),
    /// The end of the current statement, after its semicolon.
    End(Statement),
}

/// Reads a script token by token.
pub(super) struct ScriptReader<'a> {
    tokens: Tokens<'a>,
    setting: StringSetting,
    /// The end of the previous statement.
    end: usize,
    open: Option<OpenStatement>,
}

impl<'a> ScriptReader<'a> {
    pub(super) fn new(sql: &'a str, strings: Strings) -> Self {
        Self {
            tokens: Tokens::new(sql, strings),
            setting: StringSetting::new(strings),
            end: 0,
            open: None,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Part<'a>>, Unterminated> {
        while let Some(token) = self.tokens.next() {
            let token = token?;
            let open = match &mut self.open {
                Some(open) => open,
                None if token.kind == TokenKind::Symbol(b';') => continue,
                None => self.open.insert(OpenStatement::new(token.range.start)),
            };
            if open.ends_with(&token) {
                let start = open.start;
                return Ok(Some(self.complete(start, token.range.end)));
            }
            self.setting.read(&token);
            return Ok(Some(Part::Token(token)));
        }
        let last = self.open.as_ref().map(|open| open.start);
        Ok(last.map(|start| self.complete(start, self.tokens.end())))
    }

    fn complete(&mut self, start: usize, end: usize) -> Part<'a> {
        let range = self.end..end;
        self.end = end;
        self.open = None;
        let strings = self.tokens.strings;
        self.tokens.strings = self.setting.end_statement();
        Part::End(Statement {
            range,
            start,
            strings,
        })
    }
}

/// A statement that is not complete yet. A semicolon ends it, except inside parentheses (`CREATE RULE`) and between
/// `BEGIN ATOMIC` and its `END`.
struct OpenStatement {
    start: usize,
    parentheses: usize,
    /// The number of `BEGIN ATOMIC` without their `END` so far. A routine in a routine is an error that PostgreSQL
    /// finds only after it has split the script.
    bodies: usize,
    /// The place in `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`, from the start of the statement or of one in a body.
    beginning: Beginning,
    after_begin: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Start,
    Create,
    Or,
    Replace,
    Routine,
    Other,
}

impl OpenStatement {
    fn new(start: usize) -> Self {
        Self {
            start,
            parentheses: 0,
            bodies: 0,
            beginning: Beginning::Start,
            after_begin: false,
        }
    }

    fn ends_with(&mut self, token: &Token<'_>) -> bool {
        match token.kind {
            TokenKind::Symbol(b';') if self.parentheses == 0 => {
                if self.bodies == 0 {
                    return true;
                }
                // Each statement in a body ends with a semicolon, so only here the body may end.
                self.beginning = Beginning::Start;
            }
            TokenKind::Symbol(b'(') => {
                self.parentheses += 1;
                self.read_other();
            }
            TokenKind::Symbol(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            TokenKind::Word if self.parentheses == 0 => self.read_word(token),
            _ => self.read_other(),
        }
        false
    }

    fn read_word(&mut self, token: &Token<'_>) {
        if self.beginning == Beginning::Other {
            return;
        }
        if self.beginning == Beginning::Routine {
            if self.after_begin && token.is("atomic") {
                self.bodies += 1;
                self.beginning = Beginning::Start;
            }
            self.after_begin = token.is("begin");
            return;
        }
        self.beginning = match self.beginning {
            Beginning::Start if token.is("create") => Beginning::Create,
            Beginning::Start if self.bodies > 0 && token.is("end") => {
                self.bodies -= 1;
                Beginning::Other
            }
            Beginning::Create if token.is("or") => Beginning::Or,
            Beginning::Or if token.is("replace") => Beginning::Replace,
            Beginning::Create | Beginning::Replace
                if token.is("function") || token.is("procedure") =>
            {
                Beginning::Routine
            }
            _ => Beginning::Other,
        };
    }

    fn read_other(&mut self) {
        self.after_begin = false;
        if self.beginning != Beginning::Routine {
            self.beginning = Beginning::Other;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statements(sql: &str) -> Vec<&str> {
        let statements = split(sql, Strings::Standard).unwrap();
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
    fn an_end_that_does_not_follow_a_semicolon_ends_no_body() {
        for routine in [
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 end; END",
            "create procedure p() begin atomic; end",
            "create procedure p() begin atomic select case 1 when 1 then 1 end case; select 1 begin; ; end",
            "create or replace function f(a int default (case when true then 1 end)) returns int return a",
            "create function f() returns int begin atomic create function g() begin atomic select 1; end; end",
            "create function f() begin atomic create rule r as on insert to t do (select 1; end; select 2); end",
            "create function f() begin /* x */ atomic /* ; */ select 1 as \"end\"; end -- ;\n",
        ] {
            assert_eq!(
                statements(&format!("{routine}; select 2")).len(),
                2,
                "{routine}"
            );
        }
        // These are no bodies.
        for other in [
            "select begin atomic from t; select 2",
            "create table begin (atomic int); select 2",
            "create function begin(atomic int) returns int as $$ begin atomic $$; select 2",
        ] {
            assert_eq!(statements(other).len(), 2, "{other}");
        }
    }

    #[test]
    fn strings_that_the_script_reads_with_backslashes_end_where_postgresql_ends_them() {
        let sql = "SET standard_conforming_strings = off; insert into t values ('it\\'s; ok'); RESET ALL; select '\\'; select 2";
        assert_eq!(statements(sql).len(), 5);
        assert_eq!(
            split("select 'it\\'s; ok'", Strings::Escaped)
                .unwrap()
                .len(),
            1
        );
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
            assert_eq!(
                split(sql, Strings::Standard).unwrap_err().offset,
                2,
                "{sql}"
            );
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
            let statements = split(&sql, Strings::Standard).unwrap();
            let mut end = 0;
            for statement in &statements {
                prop_assert_eq!(statement.range.start, end);
                prop_assert!(statement.range.contains(&statement.start));
                end = statement.range.end;
                let alone = statement.sql(&sql);
                prop_assert_eq!(split(alone, Strings::Standard).unwrap(), vec![Statement { range: 0..alone.len(), start: 0, strings: Strings::Standard }]);
            }
            prop_assert!(statements.is_empty() || end == sql.len());
        }

        #[test]
        fn any_string_is_split_without_a_panic(sql in "\\PC{0,80}") {
            let _ = split(&sql, Strings::Standard);
        }
    }
}
