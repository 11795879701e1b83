use squawk_lexer::TokenKind;

use super::split::{Statement, split};
use super::tokens::{Token, Unterminated, tokens};

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
pub(crate) fn check(sql: &str, in_transaction: bool) -> Result<(), SqlProblem> {
    if let Some(offset) = sql.find('\0') {
        return Err(SqlProblem {
            offset,
            reason: "PostgreSQL does not accept a NUL character".to_owned(),
            hint: "remove it",
        });
    }
    let statements = split(sql)?;
    if statements.is_empty() {
        // Otherwise a migration that nobody has written yet would be recorded as applied.
        return Err(SqlProblem {
            offset: 0,
            reason: "it has no statement".to_owned(),
            hint: "write one, or remove the migration",
        });
    }
    for statement in statements {
        check_statement(sql, &statement, in_transaction)?;
    }
    Ok(())
}

fn check_statement(
    sql: &str,
    statement: &Statement,
    in_transaction: bool,
) -> Result<(), SqlProblem> {
    let tokens: Vec<Token<'_>> = tokens(statement.sql(sql)).collect::<Result<_, _>>()?;
    let problem = |token: &Token<'_>, reason: String, hint| {
        Err(SqlProblem {
            offset: statement.start + token.range.start,
            reason,
            hint,
        })
    };
    if in_transaction && let Some(command) = transaction_control(&tokens) {
        return problem(
            &tokens[0],
            format!(
                "`{command}` controls the transaction that the migration shares with its history row"
            ),
            "remove it, or set `run_in_transaction = false` in the migration's metadata.toml",
        );
    }
    let all_locks = tokens.iter().find(|t| t.is("pg_advisory_unlock_all"));
    let discard_all = tokens[0].is("discard") && tokens.get(1).is_some_and(|t| t.is("all"));
    if let Some(token) = all_locks.or(discard_all.then_some(&tokens[0])) {
        return problem(
            token,
            "this releases the lock that protects the migration from concurrent runs".to_owned(),
            "release or reset only what you mean, for example with `DISCARD TEMP` or `RESET ALL`",
        );
    }
    if tokens[0].is("copy")
        && let Some([_, stream]) = tokens.array_windows().find(|[from, stream]| {
            (from.is("from") || from.is("to")) && (stream.is("stdin") || stream.is("stdout"))
        })
    {
        return problem(
            stream,
            "`COPY` to or from the client works only in psql".to_owned(),
            "write `INSERT` statements instead",
        );
    }
    let backslash = tokens
        .iter()
        .find(|token| token.kind == TokenKind::Unknown && token.source == "\\");
    match backslash {
        Some(backslash) => problem(
            backslash,
            "commands that begin with a backslash work only in psql".to_owned(),
            "remove it",
        ),
        None => Ok(()),
    }
}

/// Returns the command in upper case if the statement begins or ends a transaction.
pub(crate) fn transaction_command(statement: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(statement).collect::<Result<_, _>>().ok()?;
    if tokens.is_empty() {
        return None;
    }
    transaction_control(&tokens)
}

/// Savepoint commands do not count.
fn transaction_control(tokens: &[Token<'_>]) -> Option<String> {
    let second = |word| tokens.get(1).is_some_and(|token| token.is(word));
    let to = |index| {
        tokens
            .get(index)
            .is_some_and(|token: &Token<'_>| token.is("to"))
    };
    let first = &tokens[0];
    let controls = match first.source.to_ascii_lowercase().as_str() {
        _ if first.kind != TokenKind::Ident => false,
        "begin" | "commit" | "end" | "abort" => true,
        "start" | "prepare" => second("transaction"),
        "rollback" => !(to(1) || (second("work") || second("transaction")) && to(2)),
        _ => false,
    };
    let words = match first.source.to_ascii_lowercase().as_str() {
        "start" | "prepare" => 2,
        "commit" | "rollback" if second("prepared") => 2,
        _ => 1,
    };
    let words: Vec<_> = tokens
        .iter()
        .take(words)
        .map(|token| token.source.to_ascii_uppercase())
        .collect();
    controls.then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(sql: &str) -> Option<(usize, String)> {
        let problem = check(sql, true).err()?;
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
        assert!(check("BEGIN; COMMIT", false).is_ok());
    }

    #[test]
    fn comments_alone_are_refused_so_that_they_are_not_recorded_as_applied() {
        insta::assert_snapshot!(problem("-- Add price.\n").unwrap().1, @"it has no statement: write one, or remove the migration");
    }

    #[test]
    fn sql_that_releases_the_runners_lock_is_refused() {
        for sql in ["DISCARD ALL", "SELECT pg_catalog.pg_advisory_unlock_all()"] {
            let problem = check(sql, false).unwrap_err();
            assert!(problem.reason.contains("releases the lock"), "{sql}");
        }
        assert!(check("DISCARD TEMP; RESET ALL", false).is_ok());
    }

    #[test]
    fn psql_commands_are_refused() {
        insta::assert_snapshot!(problem("COPY t FROM STDIN;").unwrap().1, @"`COPY` to or from the client works only in psql: write `INSERT` statements instead");
        insta::assert_snapshot!(problem("\\i other.sql").unwrap().1, @"commands that begin with a backslash work only in psql: remove it");
        assert_eq!(problem("COPY t FROM '/tmp/stdin'"), None);
        assert_eq!(problem("COPY plugin_a.stdin TO '/tmp/a'"), None);
    }

    #[test]
    fn unterminated_comments_and_nul_are_refused() {
        insta::assert_snapshot!(problem("select 1; /* a").unwrap().1, @"the comment `/*` that begins here is never closed: close it");
        assert_eq!(problem("a\0").unwrap().0, 1);
    }
}
