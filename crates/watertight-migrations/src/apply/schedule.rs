use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use watertight_metadata::PluginId;

use crate::report::{Outcome, PluginReport, SkipReason};

/// The plugins of a run, shared by the threads that run them. A plugin is started when its dependencies are up to date.
pub(crate) struct Schedule {
    plugins: Mutex<Vec<ScheduledPlugin>>,
    changed: Condvar,
}

/// A plugin in a [`Schedule`].
pub(crate) struct ScheduledPlugin {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
    pub(crate) stage: Stage,
}

/// How far a plugin is.
pub(crate) enum Stage {
    /// Not started, with the report that it keeps if it never is.
    Waiting(PluginReport),
    Running,
    Done(PluginReport),
}

impl Schedule {
    pub(crate) fn new(plugins: Vec<ScheduledPlugin>) -> Self {
        Self {
            plugins: Mutex::new(plugins),
            changed: Condvar::new(),
        }
    }

    /// Returns the next plugin to run, with its report so far. Blocks until one may start, and returns `None` when all
    /// have been started or none of the others can be.
    pub(crate) fn next(&self) -> Option<RunningPlugin<'_>> {
        let mut plugins = self.lock();
        loop {
            skip_dependents_of_failures(&mut plugins);
            if let Some(index) = (0..plugins.len()).find(|index| may_start(&plugins, *index)) {
                let Stage::Waiting(report) =
                    std::mem::replace(&mut plugins[index].stage, Stage::Running)
                else {
                    unreachable!("only a waiting plugin may start");
                };
                return Some(RunningPlugin {
                    schedule: self,
                    index,
                    report: Some(report),
                });
            }
            let is_running = |plugin: &ScheduledPlugin| matches!(plugin.stage, Stage::Running);
            let is_waiting = |plugin: &ScheduledPlugin| matches!(plugin.stage, Stage::Waiting(_));
            if !plugins.iter().any(is_waiting) || !plugins.iter().any(is_running) {
                return None;
            }
            plugins = self
                .changed
                .wait(plugins)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns the reports, in the order of the plugins.
    pub(crate) fn into_reports(self) -> Vec<PluginReport> {
        let mut plugins = self
            .plugins
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        skip_dependents_of_failures(&mut plugins);
        plugins
            .into_iter()
            .filter_map(|plugin| match plugin.stage {
                Stage::Waiting(report) | Stage::Done(report) => Some(report),
                Stage::Running => None,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ScheduledPlugin>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plugin that a thread runs. It counts as done when this is dropped, even by a panic, so that no thread waits for it
/// forever.
pub(crate) struct RunningPlugin<'a> {
    schedule: &'a Schedule,
    index: usize,
    report: Option<PluginReport>,
}

impl RunningPlugin<'_> {
    pub(crate) fn report(&mut self) -> &mut PluginReport {
        self.report
            .as_mut()
            .expect("the report is only taken on drop")
    }
}

impl Drop for RunningPlugin<'_> {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            self.schedule.lock()[self.index].stage = Stage::Done(report);
            self.schedule.changed.notify_all();
        }
    }
}

fn may_start(plugins: &[ScheduledPlugin], index: usize) -> bool {
    matches!(plugins[index].stage, Stage::Waiting(_))
        && plugins[index]
            .dependencies
            .iter()
            .all(|id| matches!(outcome(plugins, *id), Some(Outcome::UpToDate)))
}

fn skip_dependents_of_failures(plugins: &mut [ScheduledPlugin]) {
    // Each plugin comes after its dependencies, so one pass reaches all dependents.
    for index in 0..plugins.len() {
        let failed = plugins[index].dependencies.iter().copied().find(|id| {
            matches!(
                outcome(plugins, *id),
                Some(Outcome::Failed(_) | Outcome::Skipped(_))
            )
        });
        if let Some(dependency) = failed
            && matches!(plugins[index].stage, Stage::Waiting(_))
            && let Stage::Waiting(mut report) =
                std::mem::replace(&mut plugins[index].stage, Stage::Running)
        {
            report.outcome = Outcome::Skipped(SkipReason::Dependency(dependency));
            plugins[index].stage = Stage::Done(report);
        }
    }
}

fn outcome(plugins: &[ScheduledPlugin], id: PluginId) -> Option<&Outcome> {
    let plugin = plugins.iter().find(|plugin| plugin.id == id)?;
    match &plugin.stage {
        Stage::Done(report) => Some(&report.outcome),
        Stage::Waiting(_) | Stage::Running => None,
    }
}
