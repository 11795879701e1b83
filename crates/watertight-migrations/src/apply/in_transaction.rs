//! SQL migrations in transactions, each of which is one message.

use std::thread;
use std::time::{Duration, Instant};

use watertight_diagnostics::PostgresError;

use super::lock_retries::LockRetries;
use super::message::{Message, PreparedStep, Tracking};
use super::migration_step::{AppliedBy, MigrationStep};
use super::{failed_statement, lock_retries, statement_marker};
use crate::errors::{FailureEffect, FailureLocation, MigrateError, NoLock};
use crate::report::MigrationProgress;
use crate::session::{
    Lock, MessageEvent, Options, Session, SessionError, StopReason, send_watched,
};

/// How much SQL is sent before the response to the first message is there. Beyond that, a round trip costs little beside
/// the work.
const PIPELINE_BYTES: usize = 1 << 20;

/// How soon an interruption ends a pause.
const PAUSE_STEP: Duration = Duration::from_millis(50);

/// Applies migrations of one plugin, in order. `done` is called for each one that is applied.
///
/// Their messages are pipelined: a message is sent without waiting for the response to the one before. Nothing runs after
/// a failure, because it leaves its transaction aborted, and because each message checks that the migration before it is
/// applied.
pub(super) fn apply<S: Session>(
    session: &mut S,
    steps: &[MigrationStep<'_>],
    options: &Options,
    done: &mut dyn FnMut(MigrationStep<'_>, AppliedBy),
) -> Result<(), MigrateError> {
    let mut prepared = Vec::new();
    for step in steps {
        let scripts = step.scripts()?;
        let settings = step.read_settings(session, &scripts)?;
        prepared.push(PreparedStep {
            step: *step,
            scripts,
            settings,
            is_on_own_session: S::IS_OWN,
        });
    }
    if let Some(timeout) = options.statement_lock_timeout {
        session.report_waits_within(timeout);
    }
    let mut retries = LockRetries::default();
    let mut rest = &prepared[..];
    while let [next, ..] = rest {
        if options.interrupt.is_stopped() {
            return Err(next.step.session_failed(SessionError::Interrupted));
        }
        let count = send(session, pipelined(rest), options, &mut retries, done)?;
        rest = &rest[count..];
    }
    Ok(())
}

/// Returns the migrations that are sent at once: at least one.
fn pipelined<'s, 'a>(steps: &'s [PreparedStep<'a>]) -> &'s [PreparedStep<'a>] {
    let mut bytes = 0;
    let fits = |step: &&PreparedStep<'_>| {
        bytes += step.sql_len();
        bytes <= PIPELINE_BYTES
    };
    let count = steps.iter().take_while(fits).count();
    &steps[..count.max(1)]
}

/// Returns how many are applied, which are fewer than all when another run is in between.
fn send<S: Session>(
    session: &mut S,
    steps: &[PreparedStep<'_>],
    options: &Options,
    retries: &mut LockRetries,
    done: &mut dyn FnMut(MigrationStep<'_>, AppliedBy),
) -> Result<usize, MigrateError> {
    let tracking = if S::REPORTS_COMPLETIONS {
        Tracking::Completions
    } else {
        Tracking::Markers
    };
    let mut previous = None;
    let mut messages = Vec::new();
    for step in steps {
        messages.push(Message::new(
            step,
            previous,
            options.statement_lock_timeout,
            tracking,
        ));
        previous = Some(step.step.migration);
    }
    let sql: Vec<_> = messages.iter().map(|message| &message.sql[..]).collect();
    let mut watch = Watch {
        steps,
        options,
        index: 0,
        completed: 0,
        start: Instant::now(),
        retries,
        done,
    };
    watch.start();
    let Err(error) = send_watched(session, &sql, &mut |event| watch.on(event)) else {
        return Ok(steps.len());
    };
    if tracking == Tracking::Markers && !matches!(error, SessionError::ConnectionLost(_)) {
        watch.completed = statement_marker::take(session).unwrap_or(0);
    }
    let message = &messages[watch.index];
    watch.after_failure(session, message, error)
}

/// Follows the messages.
struct Watch<'a, 'd> {
    steps: &'a [PreparedStep<'a>],
    options: &'a Options,
    /// The migration that runs.
    index: usize,
    /// The number of completed parts of its message.
    completed: usize,
    start: Instant,
    /// Of the migration that runs.
    retries: &'d mut LockRetries,
    done: &'d mut dyn FnMut(MigrationStep<'_>, AppliedBy),
}

impl Watch<'_, '_> {
    fn on(&mut self, event: MessageEvent) {
        match event {
            MessageEvent::Completed => self.completed += 1,
            MessageEvent::Ended => {
                self.finish(AppliedBy::ThisRun);
                self.index += 1;
                self.completed = 0;
                self.start();
            }
            // Known from the try before.
            MessageEvent::Waits(wait) if !self.retries.is_new(&wait) => {}
            event => self.steps[self.index]
                .step
                .report_event(self.options, &event),
        }
    }

    fn start(&mut self) {
        self.start = Instant::now();
        if let Some(prepared) = self.steps.get(self.index) {
            prepared.step.report_started(self.options);
        }
    }

    fn finish(&mut self, by: AppliedBy) {
        let step = self.steps[self.index].step;
        step.report_finished(self.options, self.start.elapsed(), by);
        *self.retries = LockRetries::default();
        (self.done)(step, by);
    }

    /// Returns how many migrations are applied, if others can be tried.
    fn after_failure<S: Session>(
        &mut self,
        session: &mut S,
        message: &Message,
        error: SessionError,
    ) -> Result<usize, MigrateError> {
        let step = self.steps[self.index].step;
        let outcome = match error {
            SessionError::Database(source) => {
                let part = failed_statement::part(message, self.completed, &source);
                let prepared = &self.steps[self.index];
                let location =
                    failed_statement::location(message, part, &prepared.scripts, &source);
                match self.options.statement_lock_timeout {
                    Some(timeout) if lock_retries::may_retry(prepared, &source) => {
                        self.after_lock_timeout(timeout, location, source)
                    }
                    _ => Err(step.sql_failed(location, source, FailureEffect::RolledBack)),
                }
            }
            SessionError::Stopped(StopReason::LockHeld) => {
                let lock = Lock::of_plugin(step.plugin);
                let waited = lock.wait_until_released(session, self.options);
                waited
                    .map(|()| self.index)
                    .map_err(|error| step.session_failed(error))
            }
            error => step.stopped(error).map(|by| {
                self.finish(by);
                self.index + 1
            }),
        };
        if outcome.is_err() {
            step.report_failed(self.options);
        }
        outcome
    }

    /// Pauses before the next try, if there is one.
    fn after_lock_timeout(
        &mut self,
        timeout: Duration,
        location: FailureLocation,
        source: PostgresError,
    ) -> Result<usize, MigrateError> {
        let step = self.steps[self.index].step;
        let Some((next_try, pause)) = self.retries.next(timeout) else {
            return Err(MigrateError::NoLock(Box::new(NoLock {
                plugin: step.plugin,
                migration: step.migration.name.clone(),
                direction: step.direction,
                location,
                tries: lock_retries::TRIES,
                wait: self.retries.wait.take(),
                source,
            })));
        };
        (self.options.progress)(&MigrationProgress::LockTimedOut {
            plugin: step.plugin,
            migration: &step.migration.name,
            next_try,
            tries: lock_retries::TRIES,
        });
        let end = Instant::now() + pause;
        while Instant::now() < end && !self.options.interrupt.is_stopped() {
            thread::sleep(PAUSE_STEP.min(pause));
        }
        Ok(self.index)
    }
}
