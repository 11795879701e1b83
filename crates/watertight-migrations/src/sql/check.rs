use super::split::{Part, ScriptReader};
use super::strings::Strings;
use super::tokens::{Token, TokenKind, Tokens, Unterminated};

/// A construct in a migration's SQL that must not be sent to PostgreSQL.
#[derive(Debug)]
pub(crate) struct SqlProblem {
    /// The byte at which it begins.
    pub(crate) offset: usize,
    pub(crate) reason: String,
    pub(crate) hint: &'static str,
}

impl From<Unterminated> for SqlProblem {
    fn from(Unterminated { what, offset }: Unterminated) -> Self {
        Self {
            offset,
            reason: format!("the {what} that begins here is never closed"),
            hint: "close it",
        }
    }
}

/// Rejects SQL that cannot work or that would defeat the runner's lock or transaction.
pub(crate) fn check(sql: &str, in_transaction: bool, strings: Strings) -> Result<(), SqlProblem> {
    if let Some(offset) = sql.find('\0') {
        return Err(SqlProblem {
            offset,
            reason: "PostgreSQL does not accept a NUL character".to_owned(),
            hint: "remove it",
        });
    }
    let mut reader = ScriptReader::new(sql, strings);
    let mut statement = CheckedStatement::default();
    let mut is_empty = true;
    loop {
        match reader.next() {
            Ok(Some(Part::Token(token))) => {
                is_empty = false;
                statement.read(&token)?;
            }
            Ok(Some(Part::End(_))) => {
                std::mem::take(&mut statement).finish(in_transaction)?;
            }
            Ok(None) => break,
            Err(unterminated) => {
                // The reason may be data lines that follow the statement and are not SQL.
                statement.finish(in_transaction)?;
                return Err(unterminated.into());
            }
        }
    }
    if is_empty {
        // Otherwise a migration that nobody has written yet would be recorded as applied.
        return Err(SqlProblem {
            offset: 0,
            reason: "it has no statement".to_owned(),
            hint: "write one, or remove the migration",
        });
    }
    Ok(())
}

/// What is known of a statement after some of its tokens. What follows a statement for psql alone is not SQL, so the
/// statement is judged before that is read.
#[derive(Default)]
struct CheckedStatement<'a> {
    offset: usize,
    /// Its first words; a token that is not an unquoted word ends them.
    words: Vec<&'a str>,
    words_ended: bool,
    parentheses: usize,
    /// The direction of a `COPY`, if the previous token is one.
    copy_direction: Option<&'static str>,
    copy_stream: Option<(usize, &'static str)>,
    releases_locks: Option<usize>,
}

impl<'a> CheckedStatement<'a> {
    fn read(&mut self, token: &Token<'a>) -> Result<(), SqlProblem> {
        let offset = token.range.start;
        if self.words.is_empty() && !self.words_ended {
            self.offset = offset;
        }
        match token.kind {
            TokenKind::Symbol(b'\\') => {
                if let Some(problem) = self.copy_problem() {
                    return Err(problem);
                }
                return Err(SqlProblem {
                    offset,
                    reason: "commands that begin with a backslash work only in psql".to_owned(),
                    hint: "remove it",
                });
            }
            TokenKind::Symbol(b'(') => self.parentheses += 1,
            TokenKind::Symbol(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            TokenKind::Word => {
                self.read_word(token);
                return Ok(());
            }
            _ => {}
        }
        self.words_ended = true;
        self.copy_direction = None;
        Ok(())
    }

    fn read_word(&mut self, token: &Token<'a>) {
        if !self.words_ended {
            self.words.push(token.source());
            self.words_ended = self.words.len() == 3;
        }
        if token.is("pg_advisory_unlock_all") {
            self.releases_locks.get_or_insert(token.range.start);
        }
        if self.parentheses == 0 && self.is_copy() && self.copy_stream.is_none() {
            if let Some(direction) = self.copy_direction
                && (token.is("stdin") || token.is("stdout"))
            {
                self.copy_stream = Some((token.range.start, direction));
            }
            self.copy_direction = match token {
                _ if token.is("from") => Some("FROM STDIN"),
                _ if token.is("to") => Some("TO STDOUT"),
                _ => None,
            };
        }
    }

    fn is_copy(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| word.eq_ignore_ascii_case("copy"))
    }

    fn copy_problem(&self) -> Option<SqlProblem> {
        let (offset, what) = self.copy_stream?;
        let (reason, hint) = if what == "FROM STDIN" {
            (
                "`COPY … FROM STDIN` reads rows that follow it, which works only in psql",
                "write `INSERT` statements instead",
            )
        } else {
            (
                "`COPY … TO STDOUT` writes rows to the client, which works only in psql",
                "remove it",
            )
        };
        Some(SqlProblem {
            offset,
            reason: reason.to_owned(),
            hint,
        })
    }

    /// Judges a statement that ends here, or that what follows makes unreadable.
    fn finish(self, in_transaction: bool) -> Result<(), SqlProblem> {
        if let Some(problem) = self.copy_problem() {
            return Err(problem);
        }
        if self.word_is(0, "insert") && self.releases_locks.is_none() {
            return Ok(());
        }
        if in_transaction && let Some(command) = transaction_control(&self.words) {
            return Err(SqlProblem {
                offset: self.offset,
                reason: format!(
                    "`{command}` controls the transaction that the migration shares with its history row"
                ),
                hint: "remove it, or set `run_in_transaction = false` in the migration's metadata.toml",
            });
        }
        let discards_all = self.word_is(0, "discard") && self.word_is(1, "all");
        if let Some(offset) = self.releases_locks.or(discards_all.then_some(self.offset)) {
            return Err(SqlProblem {
                offset,
                reason: "this releases the lock that protects the migration from concurrent runs"
                    .to_owned(),
                hint: "release or reset only what you mean, for example with `DISCARD TEMP` or `RESET ALL`",
            });
        }
        Ok(())
    }

    fn word_is(&self, index: usize, word: &str) -> bool {
        self.words
            .get(index)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    }
}

/// Returns the command in upper case if the statement begins or ends a transaction.
pub(crate) fn transaction_command(statement: &str) -> Option<String> {
    let words: Vec<&str> = Tokens::new(statement, Strings::Standard)
        .map_while(Result::ok)
        .take_while(|token| token.kind == TokenKind::Word)
        .take(3)
        .map(|token| token.source())
        .collect();
    transaction_control(&words)
}

/// Savepoint commands do not count.
fn transaction_control(words: &[&str]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match words[..] {
        ["ROLLBACK", "TO", ..] | ["ROLLBACK", "WORK" | "TRANSACTION", "TO", ..] => return None,
        ["START" | "PREPARE", "TRANSACTION", ..] | ["COMMIT" | "ROLLBACK", "PREPARED", ..] => {
            words[..2].join(" ")
        }
        [
            command @ ("BEGIN" | "COMMIT" | "END" | "ABORT" | "ROLLBACK"),
            ..,
        ] => command.to_owned(),
        _ => return None,
    };
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(sql: &str) -> Option<(usize, String)> {
        let problem = check(sql, true, Strings::Standard).err()?;
        Some((
            problem.offset,
            format!("{}: {}", problem.reason, problem.hint),
        ))
    }

    #[test]
    fn transaction_control_is_refused_at_its_position() {
        for command in [
            "BEGIN",
            "begin",
            "COMMIT",
            "COMMIT PREPARED 'a'",
            "END",
            "ABORT",
            "START TRANSACTION",
            "ROLLBACK",
            "ROLLBACK WORK",
            "ROLLBACK PREPARED 'a'",
            "PREPARE TRANSACTION 'a'",
            "COMMIT AND CHAIN",
        ] {
            let (offset, reason) =
                problem(&format!("select 1;\n/* x */ {command}; select 2")).unwrap();
            assert_eq!(offset, 18, "{command}");
            assert!(reason.contains("run_in_transaction = false"), "{reason}");
        }
    }

    #[test]
    fn savepoints_bodies_and_strings_are_not_transaction_control() {
        for sql in [
            "SAVEPOINT a; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a; RELEASE a",
            "DO $$ BEGIN COMMIT; END $$",
            "PREPARE p AS SELECT 1; SET TRANSACTION READ ONLY; SET CONSTRAINTS ALL DEFERRED",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
            "SELECT 'COMMIT'; -- COMMIT;\n/* COMMIT; */",
        ] {
            assert_eq!(problem(sql), None, "{sql}");
        }
    }

    #[test]
    fn transaction_control_is_allowed_without_a_transaction() {
        assert!(check("BEGIN; COMMIT", false, Strings::Standard).is_ok());
    }

    #[test]
    fn comments_alone_are_refused_so_that_they_are_not_recorded_as_applied() {
        insta::assert_snapshot!(problem("-- Add price.\n").unwrap().1, @"it has no statement: write one, or remove the migration");
    }

    #[test]
    fn sql_that_releases_the_runners_lock_is_refused() {
        for sql in ["DISCARD ALL", "SELECT pg_catalog.pg_advisory_unlock_all()"] {
            let problem = check(sql, false, Strings::Standard).unwrap_err();
            assert!(problem.reason.contains("releases the lock"), "{sql}");
        }
        assert!(check("DISCARD TEMP; RESET ALL", false, Strings::Standard).is_ok());
    }

    #[test]
    fn psql_commands_are_refused() {
        insta::assert_snapshot!(problem("COPY t FROM STDIN;").unwrap().1, @"`COPY … FROM STDIN` reads rows that follow it, which works only in psql: write `INSERT` statements instead");
        insta::assert_snapshot!(problem("\\i other.sql").unwrap().1, @"commands that begin with a backslash work only in psql: remove it");
        assert_eq!(problem("COPY t FROM '/tmp/stdin'"), None);
        assert_eq!(problem("COPY plugin_a.stdin TO '/tmp/a'"), None);
    }

    #[test]
    fn copy_from_stdin_is_refused_whatever_its_rows_are() {
        for copy in [
            "COPY plugin_a.x (i) FROM stdin;",
            "copy binary \"it's\" from STDIN with (format csv, quote '\"');",
            "COPY x /* ' */ FROM -- it's\nstdin WHERE i > 0;",
            "copy \"Plugin\".\"copy\" (\"from\", b) From StdIn delimiter ',';",
            "COPY x FROM stdin",
        ] {
            for rows in [
                "\nit's a row\nb;c\n\\.\nSELECT 1;",
                "\n\\.\n",
                "\n$$ /* \" \n\\.\n",
                "\ne'\n",
                "",
            ] {
                let sql = format!("SELECT 1;\n{copy}{rows}");
                let (offset, reason) = problem(&sql).unwrap();
                assert!(reason.contains("FROM STDIN"), "{sql}: {reason}");
                assert_eq!(sql[offset..offset + 5].to_lowercase(), "stdin", "{sql}");
            }
        }
        insta::assert_snapshot!(problem("COPY (SELECT 1) TO stdout").unwrap().1, @"`COPY … TO STDOUT` writes rows to the client, which works only in psql: remove it");
        for sql in [
            "COPY (SELECT a FROM stdin) TO '/tmp/a'",
            "COPY x FROM PROGRAM 'stdin'",
            "COPY x FROM \"stdin\"",
            "COPY stdin FROM '/tmp/a'",
        ] {
            assert_eq!(problem(sql), None, "{sql}");
        }
    }

    #[test]
    fn a_psql_command_is_refused_before_what_follows_it_is_read() {
        for sql in [
            "\\connect it's",
            "SELECT 1;\n\\copy x from 'it''s",
            "\\.\n$$",
            "SELECT 1 \\gexec '",
        ] {
            let (offset, reason) = problem(sql).unwrap();
            assert!(reason.contains("backslash"), "{sql}: {reason}");
            assert_eq!(&sql[offset..=offset], "\\", "{sql}");
        }
        assert_eq!(problem("SELECT '\\', E'\\\\', $$\\$$ -- \\q"), None);
    }

    #[test]
    fn sql_is_read_with_the_strings_of_the_session_and_of_the_script() {
        let sql = "INSERT INTO t VALUES ('it\\'s; COMMIT')";
        assert!(problem(sql).is_some());
        assert!(check(sql, true, Strings::Escaped).is_ok());
        assert_eq!(
            problem(&format!("SET standard_conforming_strings = off; {sql}")),
            None
        );
    }

    #[test]
    fn unterminated_comments_and_nul_are_refused() {
        insta::assert_snapshot!(problem("select 1; /* a").unwrap().1, @"the comment `/*` that begins here is never closed: close it");
        assert_eq!(problem("a\0").unwrap().0, 1);
    }
}
