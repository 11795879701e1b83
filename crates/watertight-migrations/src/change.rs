use std::time::Duration;

use watertight_metadata::PluginId;

use crate::code::{self, Given};
use crate::explain;
use crate::failure::{FailurePlace, MigrationFailure, RefusedSql, Remains, SourceLine};
use crate::lock::Lock;
use crate::message::Message;
use crate::migrate_error::MigrateError;
use crate::migration::{Body, Migration, Script};
use crate::options::Options;
use crate::plugin::LoadedPlugin;
use crate::progress::Direction;
use crate::session::{Fault, PgSession, Stop, send};
use crate::settings::Settings;
use crate::sql::{self, settings_mentioned};
use crate::statements;

/// One migration that is about to go one way.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) plugin: PluginId,
    pub(crate) migration: &'a Migration,
    pub(crate) direction: Direction,
}

/// How a migration came to be applied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Just now.
    Now,
    /// By another run, since the history was read.
    ByAnotherRun,
}

impl<'a> Change<'a> {
    /// Makes the change, with its history row.
    pub(crate) fn make<C: PgSession>(
        self,
        connection: &mut C,
        plugin: &LoadedPlugin,
        options: &Options,
    ) -> Result<Done, MigrateError> {
        match &self.migration.body {
            Body::Code => {
                let code = plugin
                    .code(self.migration)
                    .map_err(|source| self.code_failed(source))?;
                code::make(connection, self, code.as_ref(), Given::Itself, options)
            }
            Body::Sql { .. } if self.migration.in_transaction => {
                self.make_in_one_message(connection, options)
            }
            Body::Sql { .. } => statements::make(connection, self, options),
        }
    }

    fn make_in_one_message<C: PgSession>(
        self,
        connection: &mut C,
        options: &Options,
    ) -> Result<Done, MigrateError> {
        let scripts = self.scripts()?;
        let settings = self.read_settings(connection, &scripts)?;
        let message = Message::new(
            self.plugin,
            self.migration,
            self.direction,
            &scripts,
            settings.as_ref(),
        );
        let lock = Lock::of(self.plugin);
        match lock.wait(connection, options, |connection| {
            send(connection, &message.text)
        }) {
            Ok(()) => Ok(Done::Now),
            Err(Fault::Database(source)) => {
                let place = explain::place(connection, self, &message, &source, options);
                Err(self.failed(place, source, Remains::Nothing))
            }
            Err(fault) => self.stopped(fault, options),
        }
    }

    /// The SQL to run, in order.
    ///
    /// # Errors
    ///
    /// When there is none, or it must not be sent.
    pub(crate) fn scripts(self) -> Result<Vec<&'a Script>, MigrateError> {
        let Body::Sql { up, down } = &self.migration.body else {
            return Ok(Vec::new());
        };
        let scripts = match self.direction {
            Direction::Up => vec![up],
            Direction::Down => vec![self.down(down.as_ref())?],
            Direction::Redo => vec![self.down(down.as_ref())?, up],
        };
        for script in &scripts {
            sql::check(&script.sql, self.migration.in_transaction).map_err(|problem| {
                MigrateError::Refused(Box::new(RefusedSql {
                    plugin: self.plugin,
                    migration: self.migration.name.clone(),
                    direction: self.direction,
                    place: SourceLine::new(script, problem.offset, true),
                    reason: problem.reason,
                }))
            })?;
        }
        Ok(scripts)
    }

    fn down(self, down: Option<&'a Script>) -> Result<&'a Script, MigrateError> {
        let lacking = |what| MigrateError::NoDownSql {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            what,
        };
        let down = down.ok_or_else(|| lacking("no down.sql"))?;
        if down.is_empty() {
            return Err(lacking("an empty down.sql"));
        }
        Ok(down)
    }

    /// The settings to put back, if the SQL may change any.
    pub(crate) fn read_settings<C: PgSession>(
        self,
        connection: &mut C,
        scripts: &[&Script],
    ) -> Result<Option<Settings>, MigrateError> {
        let texts: Vec<_> = scripts.iter().map(|script| script.sql.as_str()).collect();
        let Some(mentioned) = settings_mentioned(&texts.join("\n;")) else {
            return Ok(None);
        };
        let settings = Settings::read(connection, mentioned);
        settings
            .map(Some)
            .map_err(|fault| self.fault(fault, Duration::ZERO))
    }

    /// What to make of a migration that SQL of ours stopped, or that the connection or the lock was not there for.
    pub(crate) fn stopped(self, fault: Fault, options: &Options) -> Result<Done, MigrateError> {
        let Fault::Stopped(stop) = fault else {
            return Err(self.fault(fault, options.lock_timeout));
        };
        let (plugin, migration, direction) =
            (self.plugin, self.migration.name.clone(), self.direction);
        match stop {
            Stop::AlreadyApplied => Ok(Done::ByAnotherRun),
            Stop::TransactionEnded => Err(MigrateError::TransactionEnded {
                plugin,
                migration,
                direction,
            }),
            Stop::NotApplied | Stop::NotNewest | Stop::LockHeld => {
                Err(MigrateError::ChangedMeanwhile {
                    plugin,
                    migration,
                    direction,
                })
            }
        }
    }

    pub(crate) fn fault(self, fault: Fault, waited: Duration) -> MigrateError {
        let doing = format!(
            "{} migration {} of plugin {}",
            self.direction, self.migration.name, self.plugin
        );
        match fault {
            Fault::Lost(source) => MigrateError::ConnectionLost {
                doing,
                source,
                next: "whether it was applied is not known; look at the status when PostgreSQL is back",
            },
            fault => MigrateError::from_fault(fault, doing, waited),
        }
    }

    pub(crate) fn failed(
        self,
        place: FailurePlace,
        source: diesel::result::Error,
        remains: Remains,
    ) -> MigrateError {
        MigrateError::Failed(Box::new(MigrationFailure {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            place,
            source,
            remains,
        }))
    }

    pub(crate) fn code_failed(
        self,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> MigrateError {
        MigrateError::Code {
            plugin: self.plugin,
            migration: self.migration.name.clone(),
            direction: self.direction,
            source,
            next: if self.migration.in_transaction {
                "nothing of it was applied"
            } else {
                "what it did before that stays applied, because it runs without a transaction"
            },
        }
    }
}
