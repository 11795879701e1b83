//! SQL migrations in transactions, each of which is one message, unless it changes how strings are read.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use watertight_diagnostics::PostgresError;

use super::lock_retries::LockRetries;
use super::message::{Message, PreparedStep, Tracking};
use super::migration_step::{AppliedBy, Done, MigrationStep};
use super::{failed_statement, lock_retries, statement_marker};
use crate::errors::{FailureEffect, FailureLocation, MigrateError, NoLock};
use crate::report::{MigrationProgress, PostgresNotice};
use crate::session::{
    Lock, MessageEvent, Options, Session, SessionError, StopReason, after_failure,
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
    done: &mut Done<'_>,
) -> Result<(), MigrateError> {
    let mut prepared = Vec::new();
    for step in steps {
        let scripts = step.scripts()?;
        let settings = step.read_settings(session, &scripts)?;
        prepared.push(PreparedStep {
            step: *step,
            scripts,
            settings,
            clean_up: session.clean_up(),
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
    done: &mut Done<'_>,
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
    let is_whole = |message: &&Message| message.count() == 1;
    let messages = match messages.iter().take_while(is_whole).count() {
        0 => &messages[..1],
        count => &messages[..count],
    };
    let sql: Vec<_> = messages.iter().flat_map(Message::messages).collect();
    // After an error, the rest of a migration must not be sent: a `ROLLBACK TO` would let it continue.
    let pipelined = if is_whole(&&messages[0]) {
        sql.len()
    } else {
        1
    };
    let mut watch = Watch {
        steps,
        messages,
        options,
        index: 0,
        message: 0,
        completed: 0,
        start: Instant::now(),
        retries,
        notices: Vec::new(),
        done,
    };
    watch.start();
    for sql in sql.chunks(pipelined) {
        let Err(error) = session.send_raw(sql, &mut |event| watch.on(event)) else {
            continue;
        };
        if tracking == Tracking::Markers {
            let reached = statement_marker::take(session).unwrap_or(0);
            watch.completed = reached.max(messages[watch.index].first_part(watch.message));
        }
        let error = after_failure(session, error);
        return watch.after_failure(session, error);
    }
    Ok(messages.len())
}

/// Follows the messages.
struct Watch<'a, 'd> {
    steps: &'a [PreparedStep<'a>],
    messages: &'a [Message],
    options: &'a Options,
    /// The migration that runs.
    index: usize,
    /// The one of its messages that runs.
    message: usize,
    /// The number of its completed parts.
    completed: usize,
    start: Instant,
    /// Of the migration that runs.
    retries: &'d mut LockRetries,
    /// What PostgreSQL sent while it ran.
    notices: Vec<PostgresNotice>,
    done: &'d mut Done<'d>,
}

impl Watch<'_, '_> {
    fn on(&mut self, event: MessageEvent) {
        match event {
            MessageEvent::Completed => self.completed += 1,
            MessageEvent::Ended if self.message + 1 < self.messages[self.index].count() => {
                self.message += 1;
            }
            MessageEvent::Ended => {
                self.finish(AppliedBy::ThisRun);
                self.index += 1;
                self.message = 0;
                self.completed = 0;
                self.start();
            }
            MessageEvent::Notice(notice) => {
                let step = self.steps[self.index].step;
                step.report_notice(self.options, &notice);
                self.notices.push(notice);
            }
            MessageEvent::Waits(wait) => {
                if self.retries.is_new(&wait) {
                    self.steps[self.index].step.report_wait(self.options, &wait);
                }
            }
        }
    }

    fn start(&mut self) {
        self.start = Instant::now();
        if self.index < self.messages.len() {
            self.steps[self.index].step.report_started(self.options);
        }
    }

    fn finish(&mut self, by: AppliedBy) {
        let step = self.steps[self.index].step;
        step.report_finished(self.options, self.start.elapsed(), by);
        *self.retries = LockRetries::default();
        (self.done)(step, by, mem::take(&mut self.notices));
    }

    /// Returns how many migrations are applied, if others can be tried.
    fn after_failure<S: Session>(
        &mut self,
        session: &mut S,
        error: SessionError,
    ) -> Result<usize, MigrateError> {
        let step = self.steps[self.index].step;
        let outcome = match error {
            // Its snapshot, or a program that takes no lock, can hide that from its check.
            SessionError::Database(_) if step.is_applied_meanwhile(session) => {
                self.finish(AppliedBy::AnotherRun);
                Ok(self.index + 1)
            }
            SessionError::Database(source) => {
                let message = &self.messages[self.index];
                let part = message.failed_part(self.completed, &source);
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
