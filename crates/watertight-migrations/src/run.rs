use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::change::{Change, Done};
use crate::migrate_error::MigrateError;
use crate::migration::Migration;
use crate::options::Options;
use crate::plugin::LoadedPlugin;
use crate::progress::{Direction, Progress};
use crate::provision;
use crate::report::{AppliedMigration, Outcome, PluginReport, RunReport, SkipReason};
use crate::schedule::{Schedule, Scheduled, Stage};
use crate::session::PgSession;
use crate::state::{self, PluginState};
use crate::status::{is_drifted, is_out_of_order};

/// A plugin with the state that it is in.
pub(crate) struct Selected<'a> {
    pub(crate) plugin: &'a LoadedPlugin,
    pub(crate) state: PluginState,
}

impl<'a> Selected<'a> {
    pub(crate) fn read<C: PgSession>(
        connection: &mut C,
        plugins: &[&'a LoadedPlugin],
    ) -> Result<Vec<Self>, MigrateError> {
        let ids: Vec<_> = plugins.iter().map(|plugin| plugin.id).collect();
        let states = state::read(connection, &ids)?;
        Ok(plugins
            .iter()
            .zip(states)
            .map(|(plugin, state)| Self { plugin, state })
            .collect())
    }

    pub(crate) fn read_one<C: PgSession>(
        connection: &mut C,
        plugin: &'a LoadedPlugin,
    ) -> Result<Self, MigrateError> {
        let selected = Self::read(connection, &[plugin])?;
        Ok(selected
            .into_iter()
            .next()
            .expect("one plugin was asked for"))
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = &'a Migration> {
        let applied = &self.state.applied;
        self.plugin
            .migrations
            .iter()
            .filter(|migration| !applied.contains_key(&migration.version))
    }

    pub(crate) fn change(&self, migration: &'a Migration, direction: Direction) -> Change<'a> {
        Change {
            plugin: self.plugin.id,
            migration,
            direction,
        }
    }

    /// What forbids to send any of the plugin's SQL: the first pending migration whose SQL is refused.
    pub(crate) fn refused(&self) -> Option<MigrateError> {
        self.pending()
            .find_map(|migration| self.change(migration, Direction::Up).scripts().err())
    }

    fn may_not_run(&self) -> Option<MigrateError> {
        self.refused()
            .or_else(|| provision::check_rights(self.plugin.id, &self.state).err())
    }
}

/// A run of pending migrations, from when the state is known.
pub(crate) struct Run<'a> {
    options: &'a Options,
    plugins: Vec<Selected<'a>>,
    schedule: Schedule,
}

impl<'a> Run<'a> {
    /// Reads the state and creates what is missing.
    pub(crate) fn prepare<C: PgSession>(
        connection: &mut C,
        plugins: &[&'a LoadedPlugin],
        options: &'a Options,
    ) -> Result<Self, MigrateError> {
        let plugins = Selected::read(connection, plugins)?;
        let mut migrations = 0;
        let mut missing = Vec::new();
        let mut scheduled = Vec::new();
        for selected in &plugins {
            let stopped = selected.may_not_run();
            if stopped.is_none() {
                migrations += selected.pending().count();
                missing.extend(provision::missing(selected.plugin.id, &selected.state));
            }
            scheduled.push(schedule(selected, stopped));
        }
        (options.progress)(&Progress::Planned { migrations });
        provision::create(connection, &missing, options)?;
        Ok(Self {
            options,
            schedule: Schedule::new(scheduled),
            plugins,
        })
    }

    /// Runs on this connection until nothing is left to do.
    pub(crate) fn on<C: PgSession>(&self, connection: &mut C) {
        while let Some(mut ticket) = self.schedule.next() {
            let report = ticket.report();
            let selected = self
                .plugins
                .iter()
                .find(|selected| selected.plugin.id == report.plugin);
            let selected = selected.expect("the schedule has only plugins that are selected");
            if let Err(error) = self.plugin(connection, selected, report) {
                let is_lost = matches!(error, MigrateError::ConnectionLost { .. });
                report.outcome = Outcome::Failed(Box::new(error));
                if is_lost {
                    return;
                }
            }
        }
    }

    /// Runs on this connection and on others that are made when there is work for them.
    pub(crate) fn on_several<C, E>(
        &self,
        connection: &mut C,
        connect: &(impl Fn() -> Result<C, E> + Sync),
        connections: NonZeroUsize,
    ) -> Option<String>
    where
        C: PgSession,
        E: std::fmt::Display,
    {
        let busy = self
            .plugins
            .iter()
            .filter(|selected| selected.pending().next().is_some())
            .count();
        let more = connections.get().min(busy).saturating_sub(1);
        let not_connected = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..more {
                scope.spawn(|| match connect() {
                    Ok(mut connection) => self.on(&mut connection),
                    Err(error) => {
                        if let Ok(mut why) = not_connected.lock() {
                            *why = Some(error.to_string());
                        }
                    }
                });
            }
            self.on(connection);
        });
        not_connected.into_inner().unwrap_or_default()
    }

    pub(crate) fn into_report(self, fewer_connections: Option<String>) -> RunReport {
        RunReport {
            plugins: self.schedule.into_reports(),
            fewer_connections,
        }
    }

    fn plugin<C: PgSession>(
        &self,
        connection: &mut C,
        selected: &Selected<'_>,
        report: &mut PluginReport,
    ) -> Result<(), MigrateError> {
        for migration in selected.pending() {
            let change = selected.change(migration, Direction::Up);
            let done = make(connection, change, selected.plugin, self.options)?;
            report.not_run.remove(0);
            report.applied.push(AppliedMigration {
                name: migration.name.clone(),
                version: migration.version.clone(),
                out_of_order: is_out_of_order(migration, &selected.state),
                by_another_run: done == Done::ByAnotherRun,
            });
        }
        report.outcome = Outcome::UpToDate;
        Ok(())
    }
}

/// Makes a change and tells about it.
pub(crate) fn make<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<Done, MigrateError> {
    let Change {
        plugin: id,
        migration,
        direction,
    } = change;
    let name = migration.name.as_str();
    (options.progress)(&Progress::Started {
        plugin: id,
        migration: name,
        direction,
    });
    let start = Instant::now();
    let outcome = change.make(connection, plugin, options);
    (options.progress)(&match &outcome {
        Ok(done) => Progress::Finished {
            plugin: id,
            migration: name,
            direction,
            duration: start.elapsed(),
            by_another_run: *done == Done::ByAnotherRun,
        },
        Err(_) => Progress::Failed {
            plugin: id,
            migration: name,
            direction,
        },
    });
    outcome
}

fn schedule(selected: &Selected<'_>, stopped: Option<MigrateError>) -> Scheduled {
    let plugin = selected.plugin;
    let applied = &selected.state.applied;
    let mut report = PluginReport {
        plugin: plugin.id,
        applied: Vec::new(),
        // Until somebody begins.
        outcome: Outcome::Skipped(SkipReason::NoConnection),
        not_run: selected
            .pending()
            .map(|migration| migration.name.clone())
            .collect(),
        drifted: plugin
            .migrations
            .iter()
            .filter(|migration| is_drifted(migration, &selected.state))
            .map(|migration| migration.name.clone())
            .collect(),
        ahead: applied
            .keys()
            .filter(|version| plugin.migration(version).is_none())
            .cloned()
            .collect(),
    };
    let progress = match stopped {
        Some(error) => {
            report.outcome = Outcome::Failed(Box::new(error));
            Stage::Done(report)
        }
        None => Stage::Waiting(report),
    };
    Scheduled {
        id: plugin.id,
        dependencies: plugin.dependencies.clone(),
        progress,
    }
}
