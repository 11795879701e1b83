use std::collections::HashSet;

use watertight_diagnostics::causes;

use super::apply_step::apply_steps;
use super::breadth::breadth;
use super::concurrency_error::is_concurrency_error;
use super::migration_step::AppliedBy;
use super::rights::HistoryChange;
use super::schedule::{RunningPlugin, Schedule, ScheduledPlugin};
use super::selected_plugin::SelectedPlugin;
use super::{drift, order_policy, provision, rights};
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::policy::Policy;
use crate::report::{
    AppliedMigration, MigrationProgress, OrderWarning, Outcome, PluginReport, RunReport, SkipReason,
};
use crate::session::{Options, Session};
use crate::sources::LoadedPlugin;

/// A run of the pending migrations, once the state is known.
pub(crate) struct Run<'a> {
    options: &'a Options,
    plugins: Vec<SelectedPlugin<'a>>,
    schedule: Schedule,
}

impl<'a> Run<'a> {
    /// Reads the state, and creates missing schemas and histories. Calls `on_work` with the number of sessions that there
    /// is work for, as soon as anything is known about it.
    pub(crate) fn prepare<S: Session>(
        session: &mut S,
        plugins: &[&'a LoadedPlugin],
        options: &'a Options,
        on_work: &mut dyn FnMut(usize),
    ) -> Result<Self, MigrateError> {
        let selected = SelectedPlugin::read_with(session, plugins, |schemas| {
            on_work(breadth(plugins, |plugin| {
                !plugin.migrations.is_empty() && !schemas.has_history(plugin.id)
            }));
        })?;
        drift::check(&selected)?;
        order_policy::check(&selected, options)?;
        if let Some(selected) = selected.iter().find(|selected| has_work(selected)) {
            rights::check_writable(&selected.state)?;
        }
        let mut errors: Vec<_> = selected
            .iter()
            .map(|selected| cannot_run(session, selected))
            .collect();
        let mut migrations = 0;
        let mut pending = Vec::new();
        let mut missing = Vec::new();
        for (selected, error) in selected.iter().zip(&errors) {
            if error.is_some() {
                continue;
            }
            let count = selected.pending().count();
            if count > 0 {
                pending.push(selected.plugin.id);
            }
            migrations += count;
            let id = selected.plugin.id;
            let statements = provision::missing(id, &selected.state);
            if !statements.is_empty() {
                missing.push((id, statements));
            }
        }
        let has_pending: HashSet<_> = pending.iter().collect();
        on_work(breadth(plugins, |plugin| has_pending.contains(&plugin.id)));
        (options.progress)(&MigrationProgress::Planned {
            migrations,
            plugins: &pending,
        });
        let mut refused = provision::provision_all(session, &missing, plugins.len(), options)?;
        for (selected, error) in selected.iter().zip(&mut errors) {
            if let Some(refused) = refused.remove(&selected.plugin.id) {
                *error = Some(refused);
            }
        }
        let scheduled = selected.iter().zip(errors);
        let scheduled = scheduled.map(|(selected, error)| schedule(selected, error, options));
        Ok(Self {
            options,
            schedule: Schedule::new(scheduled.collect()),
            plugins: selected,
        })
    }

    /// Runs on this session until nothing is left to do or the connection is lost.
    ///
    /// # Errors
    ///
    /// When it was closed while it waited for a plugin, and cannot be opened again. Other sessions run the plugin then.
    pub(crate) fn on<S: Session>(&self, session: &mut S) -> Result<(), MigrateError> {
        while let Some(mut running) = self.schedule.next() {
            if self.options.interrupt.is_stopped() {
                running.give_back();
                break;
            }
            if let Err(error) = session.reopen_if_closed() {
                running.give_back();
                return Err(error);
            }
            let Err(error) = self.run_plugin(session, &mut running) else {
                running.report().outcome = Outcome::UpToDate;
                continue;
            };
            if !running.is_alone && running.had_company() && is_concurrency_error(&error) {
                (self.options.progress)(&MigrationProgress::Postponed {
                    plugin: running.report().plugin,
                    migration: error.migration().unwrap_or_default(),
                    error: &error,
                });
                running.postpone();
                continue;
            }
            let may_be_lost = matches!(error, MigrateError::Unfinished(_));
            running.report().outcome = Outcome::Failed(Box::new(error));
            // After a lost connection, there may be a new one.
            if may_be_lost && session.send_raw(&[""], &mut |_| ()).is_err() {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn into_report(self, not_connected: Option<&MigrateError>) -> RunReport {
        let mut plugins = self.schedule.into_reports();
        if self.options.interrupt.is_stopped() {
            plugins.iter_mut().for_each(name_interruption);
        }
        let not_connected = not_connected.filter(|error| !error.is_interrupted());
        RunReport {
            plugins,
            fewer_connections: not_connected.map(|error| causes(Some(error)).join(": ")),
        }
    }

    /// Applies the plugin's migrations that are still pending.
    fn run_plugin<S: Session>(
        &self,
        session: &mut S,
        running: &mut RunningPlugin<'_>,
    ) -> Result<(), MigrateError> {
        let selected = &self.plugins[running.index];
        let mut was_postponed = running.is_alone;
        let report = running.report();
        let steps: Vec<_> = selected
            .pending()
            .skip(report.applied.len())
            .map(|migration| selected.step(migration, Direction::Up))
            .collect();
        let mut applied = Vec::new();
        let outcome = apply_steps(
            session,
            &steps,
            selected.plugin,
            self.options,
            &mut |step, by, notices| {
                let out_of_order = selected.is_out_of_order(step.migration);
                if out_of_order && self.options.out_of_order == Policy::Warn {
                    report.warnings.push(OrderWarning::OutOfOrder {
                        migration: step.migration.name.clone(),
                    });
                }
                applied.push(AppliedMigration {
                    name: step.migration.name.clone(),
                    version: step.migration.version.clone(),
                    out_of_order,
                    by_another_run: by == AppliedBy::AnotherRun,
                    notices,
                    at_second_attempt: std::mem::take(&mut was_postponed),
                });
            },
        );
        report.not_run.drain(..applied.len());
        report.applied.append(&mut applied);
        outcome
    }
}

/// Says of a plugin that was not started that the run was interrupted.
fn name_interruption(report: &mut PluginReport) {
    if let Outcome::Skipped(SkipReason::NoConnection) = report.outcome {
        report.outcome = if report.not_run.is_empty() {
            Outcome::UpToDate
        } else {
            Outcome::Skipped(SkipReason::Interrupted)
        };
    }
}

/// Returns whether the run would change anything of the plugin.
fn has_work(selected: &SelectedPlugin<'_>) -> bool {
    selected.pending().next().is_some()
        || !provision::missing(selected.plugin.id, &selected.state).is_empty()
}

/// Returns why none of the plugin's migrations must be run.
fn cannot_run<S: Session>(session: &mut S, selected: &SelectedPlugin<'_>) -> Option<MigrateError> {
    let (plugin, state) = (selected.plugin.id, &selected.state);
    let mut steps = selected
        .pending()
        .map(|migration| selected.step(migration, Direction::Up));
    let has_pending = selected.pending().next().is_some();
    selected
        .refused()
        .or_else(|| steps.find_map(|step| step.require_session(session).err()))
        .or_else(|| rights::check_create(plugin, state).err())
        .or_else(|| {
            has_pending
                .then(|| rights::check_history(plugin, state, HistoryChange::Insert).err())
                .flatten()
        })
}

fn schedule(
    selected: &SelectedPlugin<'_>,
    error: Option<MigrateError>,
    options: &Options,
) -> ScheduledPlugin {
    let plugin = selected.plugin;
    let applied = &selected.state.applied;
    let outcome = match error {
        Some(error) => Outcome::Failed(Box::new(error)),
        // Stays so if no connection is left to start it.
        None => Outcome::Skipped(SkipReason::NoConnection),
    };
    let mut report = PluginReport {
        plugin: plugin.id,
        applied: Vec::new(),
        outcome,
        not_run: selected
            .pending()
            .map(|migration| migration.name.clone())
            .collect(),
        ahead: applied
            .keys()
            .filter(|version| plugin.migration(version).is_none())
            .cloned()
            .collect(),
        warnings: Vec::new(),
    };
    if options.ahead == Policy::Warn && !report.ahead.is_empty() {
        report.warnings.push(OrderWarning::Ahead {
            versions: report.ahead.clone(),
        });
    }
    ScheduledPlugin {
        id: plugin.id,
        dependencies: plugin.dependencies.clone(),
        report,
    }
}
