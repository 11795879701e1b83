//! SQL migrations without a transaction, whose statements are sent one by one.

use watertight_diagnostics::PostgresError;

use super::invalid_indexes::InvalidIndexes;
use super::message::{DISCARD_TEMPORARY, checks, stop_if};
use super::migration_step::{AppliedBy, MigrationStep};
use super::{failed_statement, history_row};
use crate::errors::{FailureEffect, FailureLocation, MigrateError};
use crate::report::PostgresNotice;
use crate::session::{
    Lock, MessageEvent, Options, Session, SessionError, SessionLock, has_open_transaction, send,
    send_watched,
};
use crate::sources::Script;
use crate::sql::{Strings, split, transaction_command};

/// Applies a migration. `notices` gets what PostgreSQL sends meanwhile.
pub(super) fn apply<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    options: &Options,
    notices: &mut Vec<PostgresNotice>,
) -> Result<AppliedBy, MigrateError> {
    let scripts = step.scripts()?;
    let settings = step.read_settings(session, &scripts)?;
    let lock = SessionLock(Lock::of_plugin(step.plugin));
    if let Err(error) = lock.acquire(session, options) {
        return step.stopped(error, options);
    }
    let outcome = check_and_send(session, step, &scripts, options, notices);
    let restored = settings.map_or(Ok(()), |settings| send(session, &settings.restore()));
    let outcome = outcome.and_then(|invalid_indexes| {
        history_row::write(session, step, &lock, restored, invalid_indexes)
            .map_err(|error| Failure::Migration(Box::new(error)))
    });
    let released = lock.release(session);
    match outcome.and_then(|()| Ok(released?)) {
        Ok(()) => Ok(AppliedBy::ThisRun),
        Err(Failure::Migration(error)) => Err(*error),
        Err(Failure::Session(error)) => step.stopped(error, options),
    }
}

/// Why not all statements were applied.
enum Failure {
    Session(SessionError),
    Migration(Box<MigrateError>),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// Returns the invalid indexes that are there afterwards.
fn check_and_send<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    scripts: &[&Script],
    options: &Options,
    notices: &mut Vec<PostgresNotice>,
) -> Result<Vec<String>, Failure> {
    if S::IS_OWN {
        send(session, DISCARD_TEMPORARY)?;
    }
    send(session, &stop_if(&checks(step)))?;
    let invalid_indexes = InvalidIndexes::before(session, step, scripts)?;
    step.report_invalid_indexes(options, &invalid_indexes.of_earlier_attempt());
    let mut watch = |event| {
        if let MessageEvent::Notice(notice) = event {
            step.report_notice(options, &notice);
            notices.push(notice);
        }
    };
    for script in scripts {
        let sent = send_statements(session, script, &mut watch);
        sent.map_err(|error| match error {
            StatementError::Session(error) => Failure::Session(error),
            StatementError::Failed {
                location,
                source,
                kept,
            } => {
                let effect = FailureEffect::StatementsKept {
                    count: kept,
                    invalid_indexes: invalid_indexes.after(session).unwrap_or_default(),
                };
                let failed = step.sql_failed(location, source, effect);
                Failure::Migration(Box::new(failed))
            }
        })?;
    }
    if has_open_transaction(session)? {
        send(session, "ROLLBACK")?;
        return Err(Failure::Migration(Box::new(step.transaction_left_open())));
    }
    Ok(invalid_indexes.after(session)?)
}

enum StatementError {
    Session(SessionError),
    Failed {
        location: FailureLocation,
        source: PostgresError,
        /// The number of statements that stay applied.
        kept: usize,
    },
}

fn send_statements<S: Session>(
    session: &mut S,
    script: &Script,
    watch: &mut dyn FnMut(MessageEvent),
) -> Result<(), StatementError> {
    // Without those of an open transaction.
    let mut kept = 0;
    let mut in_transaction = false;
    let statements = split(&script.sql, Strings::Standard).unwrap_or_default();
    for (sent, statement) in statements.into_iter().enumerate() {
        let sql = statement.sql(&script.sql);
        match send_watched(session, &[sql], watch) {
            Ok(()) => {}
            Err(SessionError::Database(source)) => {
                let location =
                    failed_statement::location_alone(script, statement.start, sql, &source);
                return Err(StatementError::Failed {
                    location: FailureLocation::Statement(location),
                    source,
                    kept,
                });
            }
            Err(error) => return Err(StatementError::Session(error)),
        }
        if let Some(command) = transaction_command(sql) {
            in_transaction = matches!(command.as_str(), "BEGIN" | "START TRANSACTION");
        }
        if !in_transaction {
            kept = sent + 1;
        }
    }
    Ok(())
}
