use std::error::Error;
use std::time::Duration;

use diesel::result::Error as DieselError;
use watertight_diagnostics::PostgresError;
use watertight_metadata::PluginId;

use crate::direction::Direction;
use crate::errors::{
    FailureEffect, FailureLocation, LockWait, MigrateError, MigrationFailure, RefusedSql,
    UnfinishedEffect, UnfinishedMigration, UnrecordedMigration, UnrecordedReason,
};
use crate::report::{MigrationProgress, PostgresNotice};
use crate::session::{Options, Session, SessionError, SessionSettings, StopReason, load_bool};
use crate::sources::{Migration, MigrationBody, Script};
use crate::sql::{self, Strings, history_sql, mentioned_settings};

/// A migration that is about to be applied, reverted or redone.
#[derive(Clone, Copy)]
pub(crate) struct MigrationStep<'a> {
    pub(crate) plugin: PluginId,
    pub(crate) migration: &'a Migration,
    pub(crate) direction: Direction,
    /// How the session reads strings.
    pub(crate) strings: Strings,
}

/// Who applied a migration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppliedBy {
    ThisRun,
    /// A concurrent run, after this one had read the history.
    AnotherRun,
}

/// What is done for each migration that is applied, with the notices that PostgreSQL sent meanwhile.
pub(super) type Done<'d> = dyn FnMut(MigrationStep<'_>, AppliedBy, Vec<PostgresNotice>) + 'd;

impl<'a> MigrationStep<'a> {
    /// Returns the SQL to run, in order. A Rust migration has none.
    ///
    /// # Errors
    ///
    /// When the `down.sql` is needed and missing, or the SQL must not be sent.
    pub(crate) fn scripts(self) -> Result<Vec<&'a Script>, MigrateError> {
        let MigrationBody::Sql { up, down } = &self.migration.body else {
            return Ok(Vec::new());
        };
        let scripts = match self.direction {
            Direction::Up => vec![up],
            Direction::Down => vec![self.require_down(down.as_ref())?],
            Direction::Redo => vec![self.require_down(down.as_ref())?, up],
        };
        for script in &scripts {
            sql::check(&script.sql, self.migration.in_transaction, self.strings).map_err(
                |problem| {
                    MigrateError::Refused(Box::new(RefusedSql {
                        plugin: self.plugin,
                        migration: self.migration.name.clone(),
                        direction: self.direction,
                        location: script.position_at(problem.offset),
                        reason: problem.reason,
                        remedy: problem.hint,
                    }))
                },
            )?;
        }
        Ok(scripts)
    }

    /// Returns whether it can share a message with others.
    pub(super) fn is_sql_in_transaction(&self) -> bool {
        self.migration.in_transaction && matches!(self.migration.body, MigrationBody::Sql { .. })
    }

    fn require_down(self, down: Option<&'a Script>) -> Result<&'a Script, MigrateError> {
        let missing = |what| MigrateError::NoDownSql {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            what,
        };
        let down = down.ok_or_else(|| missing("no down.sql"))?;
        if down.is_empty() {
            return Err(missing("an empty down.sql"));
        }
        Ok(down)
    }

    /// Reads the settings to restore afterwards, if the SQL may change any.
    pub(super) fn read_settings<S: Session>(
        self,
        session: &mut S,
        scripts: &[&Script],
    ) -> Result<Option<SessionSettings>, MigrateError> {
        let sql: Vec<_> = scripts.iter().map(|script| script.sql.as_str()).collect();
        let mentioned = mentioned_settings(&sql.join("\n;"), self.strings);
        // What reaches other clients of a pooler includes what a function of the migration sets.
        if mentioned.is_none() && !session.is_pooled() {
            return Ok(None);
        }
        let settings = SessionSettings::of(session, mentioned.unwrap_or_default());
        settings
            .map(Some)
            .map_err(|error| self.session_failed(error))
    }

    /// Returns whether another run has applied it, after it failed to be applied.
    pub(super) fn is_applied_meanwhile<S: Session>(self, session: &mut S) -> bool {
        let is_applied = history_sql::is_applied(self.plugin, &self.migration.version);
        self.direction == Direction::Up && load_bool(session, &is_applied).unwrap_or(false)
    }

    /// Checks that there is a session for what needs one.
    pub(super) fn require_session<S: Session>(self, session: &mut S) -> Result<(), MigrateError> {
        if self.is_sql_in_transaction() || session.has_own_session()? {
            return Ok(());
        }
        Err(MigrateError::SharedSession {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            reason: match &self.migration.body {
                MigrationBody::Rust => "it is a Rust migration",
                MigrationBody::Sql { .. } => "it runs without a transaction",
            },
        })
    }

    /// Returns the result after an error that is not the fault of the migration's SQL.
    pub(super) fn stopped(self, error: SessionError) -> Result<AppliedBy, MigrateError> {
        let SessionError::Stopped(reason) = error else {
            return Err(self.session_failed(error));
        };
        let (plugin, migration, direction) =
            (self.plugin, self.migration.name.clone(), self.direction);
        match reason {
            StopReason::AlreadyApplied => Ok(AppliedBy::AnotherRun),
            StopReason::TransactionEnded => Err(MigrateError::TransactionEnded {
                plugin,
                migration,
                direction,
            }),
            StopReason::LockLost => Err(MigrateError::LockLost { plugin, migration }),
            StopReason::NotApplied
            | StopReason::NotNewest
            | StopReason::PreviousNotApplied
            | StopReason::LockHeld => Err(MigrateError::HistoryChanged {
                plugin,
                migration,
                direction,
            }),
        }
    }

    pub(super) fn session_failed(self, error: SessionError) -> MigrateError {
        let doing = format!(
            "{} migration {} of plugin `{}`",
            self.direction, self.migration.name, self.plugin
        );
        match error {
            SessionError::ConnectionLost(source) => {
                self.unfinished(UnfinishedEffect::Unknown, Some(source))
            }
            SessionError::Cancelled => self.unfinished(UnfinishedEffect::RolledBack, None),
            SessionError::Interrupted => self.unfinished(UnfinishedEffect::NotStarted, None),
            error => error.into_migrate_error(doing),
        }
    }

    pub(super) fn unfinished(
        self,
        effect: UnfinishedEffect,
        connection_lost: Option<PostgresError>,
    ) -> MigrateError {
        MigrateError::Unfinished(Box::new(UnfinishedMigration {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            connection_lost,
            effect,
        }))
    }

    pub(super) fn report_started(self, options: &Options) {
        (options.progress)(&MigrationProgress::Started {
            plugin: self.plugin,
            migration: &self.migration.name,
            direction: self.direction,
        });
    }

    pub(super) fn report_finished(self, options: &Options, duration: Duration, by: AppliedBy) {
        (options.progress)(&MigrationProgress::Finished {
            plugin: self.plugin,
            migration: &self.migration.name,
            direction: self.direction,
            duration,
            by_another_run: by == AppliedBy::AnotherRun,
        });
    }

    pub(super) fn report_failed(self, options: &Options) {
        (options.progress)(&MigrationProgress::Failed {
            plugin: self.plugin,
            migration: &self.migration.name,
            direction: self.direction,
        });
    }

    pub(super) fn report_notice(self, options: &Options, notice: &PostgresNotice) {
        (options.progress)(&MigrationProgress::Notice {
            plugin: self.plugin,
            migration: &self.migration.name,
            notice,
        });
    }

    pub(super) fn report_wait(self, options: &Options, wait: &LockWait) {
        (options.progress)(&MigrationProgress::Blocked {
            plugin: self.plugin,
            migration: &self.migration.name,
            wait,
        });
    }

    pub(super) fn report_invalid_indexes(self, options: &Options, indexes: &[String]) {
        if !indexes.is_empty() {
            (options.progress)(&MigrationProgress::InvalidIndexes {
                plugin: self.plugin,
                migration: &self.migration.name,
                indexes,
            });
        }
    }

    pub(super) fn unrecorded(self, reason: UnrecordedReason) -> MigrateError {
        MigrateError::Unrecorded(Box::new(UnrecordedMigration {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            version: self.migration.version.clone(),
            direction: self.direction,
            reason,
        }))
    }

    pub(super) fn sql_failed(
        self,
        location: FailureLocation,
        source: PostgresError,
        effect: FailureEffect,
    ) -> MigrateError {
        MigrateError::Failed(Box::new(MigrationFailure {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            location,
            source,
            effect,
        }))
    }

    pub(super) fn rust_failed(self, source: Box<dyn Error + Send + Sync>) -> MigrateError {
        let source = match source.downcast::<DieselError>() {
            // Shows PostgreSQL's detail, which Diesel's error leaves out.
            Ok(error) => PostgresError::from(*error).into(),
            Err(source) => source,
        };
        MigrateError::RustMigration {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            in_transaction: self.migration.in_transaction,
            source,
        }
    }

    pub(super) fn transaction_left_open(self) -> MigrateError {
        MigrateError::TransactionLeftOpen {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
        }
    }
}
