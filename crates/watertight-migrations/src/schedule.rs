use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use watertight_metadata::PluginId;

use crate::report::{Outcome, PluginReport, SkipReason};

/// Plugins on their way: each may begin when those that it depends on are done. Shared by the threads that run
/// them.
pub(crate) struct Schedule {
    plugins: Mutex<Vec<Scheduled>>,
    changed: Condvar,
}

/// A plugin in the schedule.
pub(crate) struct Scheduled {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
    pub(crate) progress: Stage,
}

pub(crate) enum Stage {
    /// Not begun; its report for when it never is.
    Waiting(PluginReport),
    Running,
    Done(PluginReport),
}

impl Schedule {
    pub(crate) fn new(plugins: Vec<Scheduled>) -> Self {
        Self {
            plugins: Mutex::new(plugins),
            changed: Condvar::new(),
        }
    }

    /// The next plugin that may begin, with its report so far. Waits while there may be one later; nothing when
    /// all have begun or none ever can.
    pub(crate) fn next(&self) -> Option<Ticket<'_>> {
        let mut plugins = self.lock();
        loop {
            skip_what_cannot_begin(&mut plugins);
            if let Some(index) = (0..plugins.len()).find(|index| may_begin(&plugins, *index)) {
                let Stage::Waiting(report) =
                    std::mem::replace(&mut plugins[index].progress, Stage::Running)
                else {
                    unreachable!("only a plugin that waits may begin");
                };
                return Some(Ticket {
                    schedule: self,
                    index,
                    report: Some(report),
                });
            }
            let is_running = |plugin: &Scheduled| matches!(plugin.progress, Stage::Running);
            let is_waiting = |plugin: &Scheduled| matches!(plugin.progress, Stage::Waiting(_));
            if !plugins.iter().any(is_waiting) || !plugins.iter().any(is_running) {
                return None;
            }
            plugins = self
                .changed
                .wait(plugins)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The reports, in the order of the plugins.
    pub(crate) fn into_reports(self) -> Vec<PluginReport> {
        let mut plugins = self
            .plugins
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        skip_what_cannot_begin(&mut plugins);
        plugins
            .into_iter()
            .filter_map(|plugin| match plugin.progress {
                Stage::Waiting(report) | Stage::Done(report) => Some(report),
                Stage::Running => None,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Scheduled>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right, and the duty, to run one plugin.
pub(crate) struct Ticket<'a> {
    schedule: &'a Schedule,
    index: usize,
    report: Option<PluginReport>,
}

impl Ticket<'_> {
    pub(crate) fn report(&mut self) -> &mut PluginReport {
        self.report
            .as_mut()
            .expect("a ticket has its report until it is dropped")
    }
}

/// However the run ended, also by a panic, nobody waits for it any longer.
impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            self.schedule.lock()[self.index].progress = Stage::Done(report);
            self.schedule.changed.notify_all();
        }
    }
}

fn may_begin(plugins: &[Scheduled], index: usize) -> bool {
    matches!(plugins[index].progress, Stage::Waiting(_))
        && plugins[index]
            .dependencies
            .iter()
            .all(|id| matches!(outcome(plugins, *id), Some(Outcome::UpToDate)))
}

fn skip_what_cannot_begin(plugins: &mut [Scheduled]) {
    // They are in an order in which each comes after what it depends on, so one pass reaches all.
    for index in 0..plugins.len() {
        let failed = plugins[index].dependencies.iter().copied().find(|id| {
            matches!(
                outcome(plugins, *id),
                Some(Outcome::Failed(_) | Outcome::Skipped(_))
            )
        });
        if let Some(dependency) = failed
            && matches!(plugins[index].progress, Stage::Waiting(_))
            && let Stage::Waiting(mut report) =
                std::mem::replace(&mut plugins[index].progress, Stage::Running)
        {
            report.outcome = Outcome::Skipped(SkipReason::Dependency(dependency));
            plugins[index].progress = Stage::Done(report);
        }
    }
}

fn outcome(plugins: &[Scheduled], id: PluginId) -> Option<&Outcome> {
    let plugin = plugins.iter().find(|plugin| plugin.id == id)?;
    match &plugin.progress {
        Stage::Done(report) => Some(&report.outcome),
        Stage::Waiting(_) | Stage::Running => None,
    }
}
