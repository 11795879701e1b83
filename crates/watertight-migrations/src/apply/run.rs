use super::apply_step::apply_steps;
use super::migration_step::AppliedBy;
use super::rights::HistoryChange;
use super::schedule::{Schedule, ScheduledPlugin, Stage};
use super::selected_plugin::SelectedPlugin;
use super::{drift, provision, rights};
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::report::{
    AppliedMigration, MigrationProgress, Outcome, PluginReport, RunReport, SkipReason,
};
use crate::session::{Options, Session};
use crate::sources::LoadedPlugin;

/// A run of the pending migrations, once the state is known.
pub(crate) struct Run<'a> {
    options: &'a Options,
    pub(super) plugins: Vec<SelectedPlugin<'a>>,
    schedule: Schedule,
}

impl<'a> Run<'a> {
    /// Reads the state, and creates missing schemas and histories.
    pub(crate) fn prepare<S: Session>(
        session: &mut S,
        plugins: &[&'a LoadedPlugin],
        options: &'a Options,
    ) -> Result<Self, MigrateError> {
        let plugins = SelectedPlugin::read(session, plugins)?;
        drift::check(&plugins)?;
        if let Some(selected) = plugins.iter().find(|selected| has_work(selected)) {
            rights::check_writable(&selected.state)?;
        }
        let mut migrations = 0;
        let mut pending = Vec::new();
        let mut missing = Vec::new();
        let mut scheduled = Vec::new();
        for selected in &plugins {
            let error = cannot_run(selected);
            if error.is_none() {
                let count = selected.pending().count();
                if count > 0 {
                    pending.push(selected.plugin.id);
                }
                migrations += count;
                missing.extend(provision::missing(selected.plugin.id, &selected.state));
            }
            scheduled.push(schedule(selected, error));
        }
        (options.progress)(&MigrationProgress::Planned {
            migrations,
            plugins: &pending,
        });
        provision::create(session, &missing, options)?;
        Ok(Self {
            options,
            schedule: Schedule::new(scheduled),
            plugins,
        })
    }

    /// Runs on this connection until nothing is left to do or the connection is lost.
    pub(crate) fn on<S: Session>(&self, session: &mut S) {
        while let Some(mut running) = self.schedule.next() {
            let report = running.report();
            let selected = self
                .plugins
                .iter()
                .find(|selected| selected.plugin.id == report.plugin);
            let selected = selected.expect("only selected plugins are scheduled");
            if let Err(error) = self.run_plugin(session, selected, report) {
                let is_lost = matches!(error, MigrateError::ConnectionLost { .. });
                report.outcome = Outcome::Failed(Box::new(error));
                if is_lost {
                    return;
                }
            }
        }
    }

    pub(crate) fn into_report(self, fewer_connections: Option<String>) -> RunReport {
        RunReport {
            plugins: self.schedule.into_reports(),
            fewer_connections,
        }
    }

    fn run_plugin<S: Session>(
        &self,
        session: &mut S,
        selected: &SelectedPlugin<'_>,
        report: &mut PluginReport,
    ) -> Result<(), MigrateError> {
        let steps: Vec<_> = selected
            .pending()
            .map(|migration| selected.step(migration, Direction::Up))
            .collect();
        apply_steps(
            session,
            &steps,
            selected.plugin,
            self.options,
            &mut |step, by, notices| {
                report.not_run.remove(0);
                report.applied.push(AppliedMigration {
                    name: step.migration.name.clone(),
                    version: step.migration.version.clone(),
                    out_of_order: selected.is_out_of_order(step.migration),
                    by_another_run: by == AppliedBy::AnotherRun,
                    notices,
                });
            },
        )?;
        report.outcome = Outcome::UpToDate;
        Ok(())
    }
}

/// Returns whether the run would change anything of the plugin.
fn has_work(selected: &SelectedPlugin<'_>) -> bool {
    selected.pending().next().is_some()
        || !provision::missing(selected.plugin.id, &selected.state).is_empty()
}

/// Returns why none of the plugin's migrations must be run.
fn cannot_run(selected: &SelectedPlugin<'_>) -> Option<MigrateError> {
    let (plugin, state) = (selected.plugin.id, &selected.state);
    let may_record = || match selected.pending().next() {
        Some(_) => rights::check_history(plugin, state, HistoryChange::Insert),
        None => Ok(()),
    };
    selected
        .refused()
        .or_else(|| rights::check_create(plugin, state).err())
        .or_else(|| may_record().err())
}

fn schedule(selected: &SelectedPlugin<'_>, error: Option<MigrateError>) -> ScheduledPlugin {
    let plugin = selected.plugin;
    let applied = &selected.state.applied;
    let mut report = PluginReport {
        plugin: plugin.id,
        applied: Vec::new(),
        // Stays so if no connection is left to start it.
        outcome: Outcome::Skipped(SkipReason::NoConnection),
        not_run: selected
            .pending()
            .map(|migration| migration.name.clone())
            .collect(),
        ahead: applied
            .keys()
            .filter(|version| plugin.migration(version).is_none())
            .cloned()
            .collect(),
    };
    let stage = match error {
        Some(error) => {
            report.outcome = Outcome::Failed(Box::new(error));
            Stage::Done(report)
        }
        None => Stage::Waiting(report),
    };
    ScheduledPlugin {
        id: plugin.id,
        dependencies: plugin.dependencies.clone(),
        stage,
    }
}
