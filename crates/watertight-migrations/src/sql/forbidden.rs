use squawk_lexer::TokenKind;

use super::split::{Statement, split};
use super::token::{Token, Unterminated, tokens};

/// Something in a migration's SQL that must not be sent.
#[derive(Debug)]
pub(crate) struct SqlProblem {
    /// The byte at which it begins.
    pub(crate) offset: usize,
    /// What it is and what to do, to stand behind a colon.
    pub(crate) reason: String,
}

impl From<Unterminated> for SqlProblem {
    fn from(Unterminated { what, offset }: Unterminated) -> Self {
        Self {
            offset,
            reason: format!("the {what} that begins here never ends; end it"),
        }
    }
}

/// Looks for what cannot work, or would work behind the back of whoever runs the migration.
pub(crate) fn check(sql: &str, in_transaction: bool) -> Result<(), SqlProblem> {
    if let Some(offset) = sql.find('\0') {
        let reason = "PostgreSQL cannot read a NUL character; remove it".to_owned();
        return Err(SqlProblem { offset, reason });
    }
    let statements = split(sql)?;
    if statements.is_empty() {
        let reason = "it has no statement yet; write one, or remove the migration".to_owned();
        return Err(SqlProblem { offset: 0, reason });
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
    let tokens: Vec<Token<'_>> = tokens(statement.text(sql)).collect::<Result<_, _>>()?;
    let problem = |token: &Token<'_>, reason: String| SqlProblem {
        offset: statement.start + token.range.start,
        reason,
    };
    if in_transaction && let Some(command) = transaction_control(&tokens) {
        let reason = format!(
            "`{command}` controls the transaction, which the migration shares with its history row; remove it, or set \
             `run_in_transaction = false` in the migration's metadata.toml"
        );
        return Err(problem(&tokens[0], reason));
    }
    let all_locks = tokens.iter().find(|t| t.is("pg_advisory_unlock_all"));
    let discard_all = tokens[0].is("discard") && tokens.get(1).is_some_and(|t| t.is("all"));
    if let Some(token) = all_locks.or(discard_all.then_some(&tokens[0])) {
        let reason = "this releases the lock that keeps other runs away from the migration; release or reset by name what \
                      you mean, as with `DISCARD TEMP` or `RESET ALL`";
        return Err(problem(token, reason.to_owned()));
    }
    if tokens[0].is("copy")
        && let Some([_, stream]) = tokens.array_windows().find(|[from, stream]| {
            (from.is("from") || from.is("to")) && (stream.is("stdin") || stream.is("stdout"))
        })
    {
        let reason =
            "`COPY` to or from the client needs psql; write `INSERT` statements instead".to_owned();
        return Err(problem(stream, reason));
    }
    let backslash = tokens
        .iter()
        .find(|token| token.kind == TokenKind::Unknown && token.text == "\\");
    match backslash {
        Some(backslash) => {
            let reason =
                "commands that begin with a backslash are psql's, not PostgreSQL's; remove it"
                    .to_owned();
            Err(problem(backslash, reason))
        }
        None => Ok(()),
    }
}

/// The command in upper case, if the statement begins or ends a transaction.
pub(crate) fn transaction_command(statement: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(statement).collect::<Result<_, _>>().ok()?;
    if tokens.is_empty() {
        return None;
    }
    transaction_control(&tokens)
}

/// The command, if the statement begins or ends a transaction. Savepoints are no transactions.
fn transaction_control(tokens: &[Token<'_>]) -> Option<String> {
    let second = |word| tokens.get(1).is_some_and(|token| token.is(word));
    let to = |index| {
        tokens
            .get(index)
            .is_some_and(|token: &Token<'_>| token.is("to"))
    };
    let first = &tokens[0];
    let controls = match first.text.to_ascii_lowercase().as_str() {
        _ if first.kind != TokenKind::Ident => false,
        "begin" | "commit" | "end" | "abort" => true,
        "start" | "prepare" => second("transaction"),
        "rollback" => !(to(1) || (second("work") || second("transaction")) && to(2)),
        _ => false,
    };
    let words = match first.text.to_ascii_lowercase().as_str() {
        "start" | "prepare" => 2,
        "commit" | "rollback" if second("prepared") => 2,
        _ => 1,
    };
    let words: Vec<_> = tokens
        .iter()
        .take(words)
        .map(|token| token.text.to_ascii_uppercase())
        .collect();
    controls.then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(sql: &str) -> Option<(usize, String)> {
        let problem = check(sql, true).err()?;
        Some((problem.offset, problem.reason))
    }

    #[test]
    fn transaction_control_is_found_where_it_stands() {
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
    fn savepoints_bodies_and_columns_are_no_transaction_control() {
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
        insta::assert_snapshot!(problem("-- Add price.\n").unwrap().1, @"it has no statement yet; write one, or remove the migration");
    }

    #[test]
    fn what_releases_the_lock_of_the_run_is_refused() {
        for sql in ["DISCARD ALL", "SELECT pg_catalog.pg_advisory_unlock_all()"] {
            let problem = check(sql, false).unwrap_err();
            assert!(problem.reason.contains("releases the lock"), "{sql}");
        }
        assert!(check("DISCARD TEMP; RESET ALL", false).is_ok());
    }

    #[test]
    fn what_only_psql_understands_is_refused() {
        insta::assert_snapshot!(problem("COPY t FROM STDIN;").unwrap().1, @"`COPY` to or from the client needs psql; write `INSERT` statements instead");
        insta::assert_snapshot!(problem("\\i other.sql").unwrap().1, @"commands that begin with a backslash are psql's, not PostgreSQL's; remove it");
        assert_eq!(problem("COPY t FROM '/tmp/stdin'"), None);
        assert_eq!(problem("COPY plugin_a.stdin TO '/tmp/a'"), None);
    }

    #[test]
    fn what_never_ends_and_nul_are_refused() {
        insta::assert_snapshot!(problem("select 1; /* a").unwrap().1, @"the comment `/*` that begins here never ends; end it");
        assert_eq!(problem("a\0").unwrap().0, 1);
    }
}
