//! SQL migrations without a transaction, whose statements are sent one by one.

use super::failed_statement;
use super::message::{DISCARD_TEMPORARY, checks, history_changes, stop_if};
use super::migration_step::{AppliedBy, MigrationStep};
use crate::errors::{FailureEffect, FailureLocation, MigrateError};
use crate::session::{
    Lock, Options, Session, SessionError, SessionLock, has_open_transaction, send, send_watched,
};
use crate::sources::Script;
use crate::sql::{Strings, split, transaction_command};

pub(super) fn apply<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let scripts = step.scripts()?;
    let settings = step.read_settings(session, &scripts)?;
    let lock = SessionLock(Lock::of_plugin(step.plugin));
    if let Err(error) = lock.acquire(session, options) {
        return step.stopped(error);
    }
    let outcome = check_and_send(session, step, &scripts, options);
    let mut last_message = String::new();
    if let Some(settings) = settings {
        last_message.push_str(&settings.restore());
    }
    if outcome.is_ok() {
        last_message.push_str(&history_changes(step));
    }
    let finished = send(session, &last_message);
    let released = lock.release(session);
    match outcome {
        Err(Failure::Migration(error)) => Err(*error),
        Err(Failure::Session(error)) => step.stopped(error),
        Ok(()) => match finished.and(released) {
            Ok(()) => Ok(AppliedBy::ThisRun),
            Err(error) => Err(step.session_failed(error)),
        },
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

fn check_and_send<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    scripts: &[&Script],
    options: &Options,
) -> Result<(), Failure> {
    if S::IS_OWN {
        send(session, DISCARD_TEMPORARY)?;
    }
    send(session, &stop_if(&checks(step)))?;
    for script in scripts {
        send_statements(session, step, script, options)?;
    }
    if has_open_transaction(session)? {
        send(session, "ROLLBACK")?;
        return Err(Failure::Migration(Box::new(step.transaction_left_open())));
    }
    Ok(())
}

fn send_statements<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    script: &Script,
    options: &Options,
) -> Result<(), Failure> {
    // The number of statements that stay applied after a failure, which are not those of an open transaction.
    let mut kept = 0;
    let mut in_transaction = false;
    let statements = split(&script.sql, Strings::Standard).unwrap_or_default();
    for (sent, statement) in statements.into_iter().enumerate() {
        let sql = statement.sql(&script.sql);
        let watch = &mut |event| step.report_event(options, &event);
        match send_watched(session, &[sql], watch) {
            Ok(()) => {}
            Err(SessionError::Database(error)) => {
                let location =
                    failed_statement::location_alone(script, statement.start, sql, &error);
                let location = FailureLocation::Statement(location);
                let effect = FailureEffect::StatementsKept(kept);
                let failed = step.sql_failed(location, error, effect);
                return Err(Failure::Migration(Box::new(failed)));
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
    Ok(())
}
