//! SQL migrations without a transaction, whose statements are sent one by one.

use watertight_diagnostics::PostgresError;

use super::history_row::{self, NotWritten};
use super::invalid_indexes::InvalidIndexes;
use super::message::{checks, stop_if};
use super::migration_step::{AppliedBy, MigrationStep};
use super::{failed_statement, unfinished};
use crate::errors::{FailureEffect, FailureLocation, MigrateError, UnfinishedEffect};
use crate::report::PostgresNotice;
use crate::session::{
    Lock, MessageEvent, Options, Session, SessionError, SessionLock, has_open_transaction, send,
    send_watched,
};
use crate::sources::Script;
use crate::sql::{split, transaction_command};

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
        return outcome_of(session, step, error.into());
    }
    let sent = check_and_send(session, step, &scripts, options, notices);
    // What follows records what happened.
    session.set_cancellable(false);
    let complete = sent.and_then(|sent| {
        let invalid_indexes = complete(session, step, &sent.invalid_indexes);
        let invalid_indexes = invalid_indexes.map_err(|failure| failure.after(sent.kept))?;
        Ok((sent.kept, invalid_indexes))
    });
    let restored = settings.map_or(Ok(()), |settings| send(session, &settings.restore()));
    let outcome = complete.and_then(|(kept, invalid_indexes)| {
        let written = history_row::write(session, step, &lock, restored, invalid_indexes);
        written.map_err(|error| Failure::from(error).after(kept))?;
        Ok(kept)
    });
    let released = lock.release(session);
    let outcome =
        outcome.and_then(|kept| released.map_err(|error| Failure::from(error).after(kept)));
    session.set_cancellable(true);
    match outcome {
        Ok(()) => Ok(AppliedBy::ThisRun),
        Err(failure) => outcome_of(session, step, failure),
    }
}

/// Why not all statements were applied.
enum Failure {
    Session(SessionError),
    Migration(Box<MigrateError>),
    Unfinished {
        effect: UnfinishedEffect,
        connection_lost: Option<PostgresError>,
    },
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::ConnectionLost(error) => Self::unfinished(0, false, Some(error)),
            error => Self::Session(error),
        }
    }
}

impl From<NotWritten> for Failure {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::Session(error) => error.into(),
            NotWritten::Unrecorded(error) => Self::Migration(error),
        }
    }
}

impl Failure {
    fn unfinished(
        kept: usize,
        next_is_unknown: bool,
        connection_lost: Option<PostgresError>,
    ) -> Self {
        let effect = UnfinishedEffect::StatementsKept {
            count: kept,
            next_is_unknown,
            invalid_indexes: Vec::new(),
        };
        Self::Unfinished {
            effect,
            connection_lost,
        }
    }

    /// Adds that this many statements stay applied.
    fn after(self, kept: usize) -> Self {
        match self {
            Self::Unfinished {
                connection_lost, ..
            } => Self::unfinished(kept, false, connection_lost),
            failure => failure,
        }
    }
}

fn outcome_of<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    failure: Failure,
) -> Result<AppliedBy, MigrateError> {
    match failure {
        Failure::Migration(error) => Err(*error),
        Failure::Session(error) => step.stopped(error),
        Failure::Unfinished {
            effect,
            connection_lost,
        } => {
            let effect = unfinished::with_invalid_indexes(session, step, effect);
            Err(step.unfinished(effect, connection_lost))
        }
    }
}

/// What was sent without an error.
struct Sent {
    /// The number of statements that stay applied.
    kept: usize,
    invalid_indexes: InvalidIndexes,
}

fn check_and_send<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    scripts: &[&Script],
    options: &Options,
    notices: &mut Vec<PostgresNotice>,
) -> Result<Sent, Failure> {
    send(session, &stop_if(&session.clean_up(), &checks(step)))?;
    let invalid_indexes = InvalidIndexes::before(session, step, scripts)?;
    step.report_invalid_indexes(options, &invalid_indexes.of_earlier_attempt());
    let mut watch = |event| match event {
        MessageEvent::Notice(notice) => {
            step.report_notice(options, &notice);
            notices.push(notice);
        }
        MessageEvent::Waits(wait) => step.report_wait(options, &wait),
        MessageEvent::Completed | MessageEvent::Ended => {}
    };
    let mut kept = 0;
    for script in scripts {
        kept = send_statements(session, step, script, options, &invalid_indexes, &mut watch)?;
    }
    Ok(Sent {
        kept,
        invalid_indexes,
    })
}

/// Checks that the SQL did not leave a transaction open. Returns the invalid indexes that are there afterwards.
fn complete<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    invalid_indexes: &InvalidIndexes,
) -> Result<Vec<String>, Failure> {
    if has_open_transaction(session)? {
        send(session, "ROLLBACK")?;
        return Err(Failure::Migration(Box::new(step.transaction_left_open())));
    }
    Ok(invalid_indexes.after(session)?)
}

/// Returns the number of statements that stay applied.
fn send_statements<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    script: &Script,
    options: &Options,
    invalid_indexes: &InvalidIndexes,
    watch: &mut dyn FnMut(MessageEvent),
) -> Result<usize, Failure> {
    // Without those of an open transaction.
    let mut kept = 0;
    let mut in_transaction = false;
    let statements = split(&script.sql, step.strings).unwrap_or_default();
    for (sent, statement) in statements.into_iter().enumerate() {
        if options.interrupt.is_stopped() {
            return Err(Failure::unfinished(kept, false, None));
        }
        let sql = statement.sql(&script.sql);
        match send_watched(session, sql, watch) {
            Ok(()) => {}
            Err(SessionError::Database(error)) => {
                let location =
                    failed_statement::location_alone(script, statement.start, sql, &error);
                let location = FailureLocation::Statement(location);
                let effect = FailureEffect::StatementsKept {
                    count: kept,
                    invalid_indexes: invalid_indexes.after(session).unwrap_or_default(),
                };
                let failed = step.sql_failed(location, error, effect);
                return Err(Failure::Migration(Box::new(failed)));
            }
            Err(SessionError::Cancelled) => return Err(Failure::unfinished(kept, false, None)),
            Err(SessionError::ConnectionLost(error)) => {
                return Err(Failure::unfinished(kept, true, Some(error)));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(command) = transaction_command(sql) {
            in_transaction = matches!(command.as_str(), "BEGIN" | "START TRANSACTION");
        }
        if !in_transaction {
            kept = sent + 1;
        }
    }
    Ok(kept)
}
