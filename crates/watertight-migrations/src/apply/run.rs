use super::apply_step::apply_steps;
use super::migration_step::AppliedBy;
use super::schedule::{Schedule, ScheduledPlugin, Stage};
use super::selected_plugin::SelectedPlugin;
use super::{drift, order_policy, provision};
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
        order_policy::check(&plugins, options)?;
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
            scheduled.push(schedule(selected, error, options));
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
            &mut |step, by| {
                report.not_run.remove(0);
                let out_of_order = selected.is_out_of_order(step.migration);
                if out_of_order && self.options.out_of_order == Policy::Warn {
                    report.warnings.push(OrderWarning::OutOfOrder {
                        migration: step.migration.name.clone(),
                    });
                }
                report.applied.push(AppliedMigration {
                    name: step.migration.name.clone(),
                    version: step.migration.version.clone(),
                    out_of_order,
                    by_another_run: by == AppliedBy::AnotherRun,
                });
            },
        )?;
        report.outcome = Outcome::UpToDate;
        Ok(())
    }
}

/// Returns why none of the plugin's migrations must be run.
fn cannot_run(selected: &SelectedPlugin<'_>) -> Option<MigrateError> {
    selected
        .refused()
        .or_else(|| provision::check_rights(selected.plugin.id, &selected.state).err())
}

fn schedule(
    selected: &SelectedPlugin<'_>,
    error: Option<MigrateError>,
    options: &Options,
) -> ScheduledPlugin {
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
        warnings: Vec::new(),
    };
    if options.ahead == Policy::Warn && !report.ahead.is_empty() {
        report.warnings.push(OrderWarning::Ahead {
            versions: report.ahead.clone(),
        });
    }
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
