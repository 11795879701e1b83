//! SQL migrations without a transaction, whose statements are sent one by one.

use watertight_diagnostics::PostgresError;

use super::message::{checks, history_changes, stop_if};
use super::migration_step::{AppliedBy, MigrationStep};
use super::{failed_statement, unfinished};
use crate::errors::{FailureEffect, FailureLocation, MigrateError, UnfinishedEffect};
use crate::session::{
    Lock, Options, Session, SessionError, SessionLock, has_open_transaction, send, send_watched,
};
use crate::sources::Script;
use crate::sql::{split, transaction_command};

pub(super) fn apply<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let scripts = step.scripts()?;
    let settings = step.read_settings(session, &scripts)?;
    let lock = SessionLock(Lock::of_plugin(step.plugin));
    if let Err(error) = lock.acquire(session, options) {
        return outcome_of(session, step, error.into());
    }
    let sent = check_and_send(session, step, &scripts, options);
    // What follows records what happened.
    session.set_cancellable(false);
    let outcome = sent.and_then(|kept| {
        check_transaction(session, step).map_err(|failure| failure.after_statements(kept))?;
        Ok(kept)
    });
    let mut last_message = String::new();
    if let Some(settings) = settings {
        last_message.push_str(&settings.restore());
    }
    if outcome.is_ok() {
        last_message.push_str(&history_changes(step));
    }
    let finished = send(session, &last_message);
    let released = lock.release(session);
    let outcome = outcome.and_then(|kept| {
        let finished = finished.and(released).map_err(Failure::from);
        finished.map_err(|failure| failure.after_statements(kept))
    });
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
    fn after_statements(self, kept: usize) -> Self {
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

/// Returns the number of statements that stay applied.
fn check_and_send<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    scripts: &[&Script],
    options: &Options,
) -> Result<usize, Failure> {
    send(session, &stop_if(&session.clean_up(), &checks(step)))?;
    let mut kept = 0;
    for script in scripts {
        kept = send_statements(session, step, script, options)?;
    }
    Ok(kept)
}

fn check_transaction<S: Session>(session: &mut S, step: MigrationStep<'_>) -> Result<(), Failure> {
    if has_open_transaction(session)? {
        send(session, "ROLLBACK")?;
        return Err(Failure::Migration(Box::new(step.transaction_left_open())));
    }
    Ok(())
}

/// Returns the number of statements that stay applied.
fn send_statements<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    script: &Script,
    options: &Options,
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
        let watch = &mut |event| step.report_event(options, &event);
        match send_watched(session, sql, watch) {
            Ok(()) => {}
            Err(SessionError::Database(error)) => {
                let location =
                    failed_statement::location_alone(script, statement.start, sql, &error);
                let location = FailureLocation::Statement(location);
                let effect = FailureEffect::StatementsKept(kept);
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
