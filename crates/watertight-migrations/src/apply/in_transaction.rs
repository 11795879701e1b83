//! SQL migrations in transactions, which are sent as one message.

use std::time::Instant;

use super::message::{Message, PartKind, PreparedStep, Tracking};
use super::migration_step::{AppliedBy, MigrationStep};
use super::{failed_statement, progress_mark, statement_marker};
use crate::errors::{FailureEffect, MigrateError};
use crate::report::MigrationProgress;
use crate::session::{
    Lock, MessageEvent, Options, Session, SessionError, StopReason, send_watched,
};

/// Applies migrations of one plugin, in order. `done` is called for each one that is applied.
///
/// A session that reports completed statements gets all of them in one message.
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
        });
    }
    let mut rest = &prepared[..];
    let mut after = None;
    while !rest.is_empty() {
        match send(session, rest, options, done) {
            Sent::All => break,
            Sent::Until { count, error: None } => rest = &rest[count..],
            Sent::Until {
                count,
                error: Some(error),
            } => {
                after = Some(error);
                rest = &rest[..count];
            }
            Sent::Failed(error) => return Err(*error),
        }
    }
    after.map_or(Ok(()), |error| Err(*error))
}

/// What became of a message.
enum Sent {
    All,
    /// This many migrations are applied or, with an error, are to be sent without those after them.
    Until {
        count: usize,
        error: Option<Box<MigrateError>>,
    },
    Failed(Box<MigrateError>),
}

fn send<S: Session>(
    session: &mut S,
    steps: &[PreparedStep<'_>],
    options: &Options,
    done: &mut dyn FnMut(MigrationStep<'_>, AppliedBy),
) -> Sent {
    let (tracking, steps) = if S::REPORTS_EVENTS {
        (Tracking::Completions, steps)
    } else {
        (Tracking::Markers, &steps[..1])
    };
    let message = Message::new(steps, tracking);
    let mut watch = Watch {
        message: &message,
        steps,
        options,
        completed: 0,
        started: 0,
        start: Instant::now(),
        done,
    };
    if tracking == Tracking::Markers {
        watch.start();
    }
    let sent = send_watched(session, &message.sql, &mut |event| watch.on(event));
    let error = match sent {
        Ok(()) => {
            watch.finish_all();
            return if steps.len() == watch.steps.len() && tracking == Tracking::Completions {
                Sent::All
            } else {
                Sent::Until {
                    count: steps.len(),
                    error: None,
                }
            };
        }
        Err(error) => error,
    };
    if tracking == Tracking::Markers && !matches!(error, SessionError::ConnectionLost(_)) {
        watch.completed = statement_marker::take(session).unwrap_or(0);
    }
    watch.failed(session, error)
}

/// Follows a message while it runs.
struct Watch<'a, 'd> {
    message: &'a Message,
    steps: &'a [PreparedStep<'a>],
    options: &'a Options,
    /// The number of completed parts.
    completed: usize,
    /// The number of migrations whose start was reported.
    started: usize,
    start: Instant,
    done: &'d mut dyn FnMut(MigrationStep<'_>, AppliedBy),
}

impl Watch<'_, '_> {
    fn on(&mut self, event: MessageEvent) {
        match event {
            MessageEvent::Completed => {
                let part = self.message.parts.get(self.completed);
                self.completed += 1;
                if let Some(part) = part
                    && part.kind == PartKind::Commit
                {
                    self.finish(part.step, AppliedBy::ThisRun);
                }
            }
            MessageEvent::Notice(notice) if progress_mark::is_mark(&notice) => self.start(),
            MessageEvent::Notice(notice) => {
                let step = self.started.saturating_sub(1);
                if let Some(prepared) = self.steps.get(step) {
                    (self.options.progress)(&MigrationProgress::Notice {
                        plugin: prepared.step.plugin,
                        migration: &prepared.step.migration.name,
                        notice: &notice,
                    });
                }
            }
        }
    }

    fn start(&mut self) {
        let Some(prepared) = self.steps.get(self.started) else {
            return;
        };
        self.started += 1;
        self.start = Instant::now();
        prepared.step.report_started(self.options);
    }

    fn finish(&mut self, step: usize, by: AppliedBy) {
        while self.started <= step {
            self.start();
        }
        let step = self.steps[step].step;
        step.report_finished(self.options, self.start.elapsed(), by);
        (self.done)(step, by);
    }

    fn finish_all(&mut self) {
        let reported = self.message.parts[..self.completed.min(self.message.parts.len())]
            .iter()
            .filter(|part| part.kind == PartKind::Commit)
            .count();
        for step in reported..self.steps.len() {
            self.finish(step, AppliedBy::ThisRun);
        }
    }

    fn failed<S: Session>(mut self, session: &mut S, error: SessionError) -> Sent {
        let failed = |watch: &Self, step: usize, error: MigrateError| {
            watch.steps[step].step.report_failed(watch.options);
            Sent::Failed(Box::new(error))
        };
        let part = match &error {
            SessionError::Database(source) => {
                failed_statement::part(self.message, self.completed, source)
            }
            _ => self.completed.min(self.message.parts.len() - 1),
        };
        let step = self.message.parts[part].step;
        match error {
            SessionError::Database(source) => {
                let location = failed_statement::location(self.message, part, self.steps, &source);
                let effect = FailureEffect::RolledBack;
                let error = self.steps[step].step.sql_failed(location, source, effect);
                if self.completed == 0 && step > 0 {
                    // Nothing has run, because PostgreSQL parses the whole message first.
                    return Sent::Until {
                        count: step,
                        error: Some(Box::new(error)),
                    };
                }
                failed(&self, step, error)
            }
            SessionError::Stopped(StopReason::LockHeld) => {
                let lock = Lock::of_plugin(self.steps[step].step.plugin);
                match lock.wait_until_released(session, self.options) {
                    Ok(()) => Sent::Until {
                        count: step,
                        error: None,
                    },
                    Err(error) => {
                        let error = self.steps[step].step.session_failed(error);
                        failed(&self, step, error)
                    }
                }
            }
            error => match self.steps[step].step.stopped(error) {
                Ok(by) => {
                    self.finish(step, by);
                    Sent::Until {
                        count: step + 1,
                        error: None,
                    }
                }
                Err(error) => failed(&self, step, error),
            },
        }
    }
}
