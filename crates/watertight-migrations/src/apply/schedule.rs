use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use watertight_metadata::PluginId;

use crate::report::{Outcome, PluginReport, SkipReason};

/// The plugins of a run, shared by the threads that run them. A plugin is started when its dependencies are up to date.
pub(crate) struct Schedule {
    state: Mutex<State>,
    changed: Condvar,
}

/// A plugin in a [`Schedule`].
pub(crate) struct ScheduledPlugin {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
    /// The report that it keeps if it is never started. A plugin that has failed already is not.
    pub(crate) report: PluginReport,
}

/// Plugins are known by their index.
struct State {
    plugins: Vec<Plugin>,
    /// May be started.
    ready: BTreeSet<usize>,
    /// Are started when nothing else runs.
    postponed: BTreeSet<usize>,
    running: BTreeSet<usize>,
    /// Whether the one that runs must stay alone.
    is_exclusive: bool,
}

struct Plugin {
    id: PluginId,
    /// `None` while it runs.
    report: Option<PluginReport>,
    is_done: bool,
    /// How many of its dependencies are not up to date yet.
    awaits: usize,
    dependents: Vec<usize>,
    /// Whether another one has run at the same time.
    had_company: bool,
}

impl Schedule {
    pub(crate) fn new(plugins: Vec<ScheduledPlugin>) -> Self {
        Self {
            state: Mutex::new(State::new(plugins)),
            changed: Condvar::new(),
        }
    }

    /// Returns the next plugin to run. Blocks until one may start, and returns `None` when all have been started or none
    /// of the others can be.
    pub(crate) fn next(&self) -> Option<RunningPlugin<'_>> {
        let mut state = self.lock();
        loop {
            if let Some(index) = state.next() {
                return Some(RunningPlugin {
                    schedule: self,
                    index,
                    is_alone: state.is_exclusive,
                    report: state.plugins[index].report.take(),
                });
            }
            if state.running.is_empty() {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns the reports, in the order of the plugins.
    pub(crate) fn into_reports(self) -> Vec<PluginReport> {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let plugins = state.plugins.into_iter();
        plugins.filter_map(|plugin| plugin.report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run of a plugin.
    fn end(&self, index: usize, report: PluginReport, next: Next) {
        let mut state = self.lock();
        state.running.remove(&index);
        state.is_exclusive = false;
        state.plugins[index].report = Some(report);
        match next {
            Next::Done => state.finish(index),
            Next::Ready => drop(state.ready.insert(index)),
            Next::Postponed => drop(state.postponed.insert(index)),
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    fn new(scheduled: Vec<ScheduledPlugin>) -> Self {
        let index_of: HashMap<_, _> = scheduled
            .iter()
            .enumerate()
            .map(|(index, plugin)| (plugin.id, index))
            .collect();
        let mut dependents = vec![Vec::new(); scheduled.len()];
        for (index, plugin) in scheduled.iter().enumerate() {
            for dependency in &plugin.dependencies {
                if let Some(dependency) = index_of.get(dependency) {
                    dependents[*dependency].push(index);
                }
            }
        }
        let plugins = scheduled.into_iter().zip(dependents);
        let plugins = plugins.map(|(plugin, dependents)| Plugin {
            id: plugin.id,
            is_done: matches!(plugin.report.outcome, Outcome::Failed(_)),
            report: Some(plugin.report),
            awaits: plugin.dependencies.len(),
            dependents,
            had_company: false,
        });
        let mut state = Self {
            plugins: plugins.collect(),
            ready: BTreeSet::new(),
            postponed: BTreeSet::new(),
            running: BTreeSet::new(),
            is_exclusive: false,
        };
        for index in 0..state.plugins.len() {
            if state.plugins[index].is_done {
                state.finish(index);
            } else if state.plugins[index].awaits == 0 {
                state.ready.insert(index);
            }
        }
        state
    }

    /// Returns the plugin that is started now, if any.
    fn next(&mut self) -> Option<usize> {
        if self.is_exclusive {
            return None;
        }
        let index = if let Some(index) = self.ready.pop_first() {
            index
        } else if self.running.is_empty() {
            self.is_exclusive = !self.postponed.is_empty();
            self.postponed.pop_first()?
        } else {
            return None;
        };
        self.running.insert(index);
        let has_company = self.running.len() > 1;
        for running in &self.running {
            self.plugins[*running].had_company |= has_company;
        }
        Some(index)
    }

    /// Makes the plugins that depend on this one ready, or skips them.
    fn finish(&mut self, index: usize) {
        self.plugins[index].is_done = true;
        let mut finished = vec![index];
        while let Some(index) = finished.pop() {
            let id = self.plugins[index].id;
            let outcome = self.plugins[index]
                .report
                .as_ref()
                .map(|report| &report.outcome);
            let is_up_to_date = matches!(outcome, Some(Outcome::UpToDate));
            for dependent in self.plugins[index].dependents.clone() {
                let plugin = &mut self.plugins[dependent];
                if plugin.is_done {
                    continue;
                }
                if is_up_to_date {
                    plugin.awaits -= 1;
                    if plugin.awaits == 0 {
                        self.ready.insert(dependent);
                    }
                } else if let Some(report) = &mut plugin.report {
                    report.outcome = Outcome::Skipped(SkipReason::Dependency(id));
                    plugin.is_done = true;
                    finished.push(dependent);
                }
            }
        }
    }
}

/// What becomes of a plugin whose run has ended.
#[derive(Clone, Copy)]
enum Next {
    Done,
    Ready,
    Postponed,
}

/// A plugin that a thread runs. It counts as done when this is dropped, even by a panic, so that no thread waits for it
/// forever.
pub(crate) struct RunningPlugin<'a> {
    schedule: &'a Schedule,
    pub(crate) index: usize,
    /// Whether it was postponed, and nothing else runs now.
    pub(crate) is_alone: bool,
    report: Option<PluginReport>,
}

impl RunningPlugin<'_> {
    pub(crate) fn report(&mut self) -> &mut PluginReport {
        self.report
            .as_mut()
            .expect("the report is only taken when the run ends")
    }

    /// Returns whether another plugin has run at the same time.
    pub(crate) fn had_company(&self) -> bool {
        self.schedule.lock().plugins[self.index].had_company
    }

    /// Ends the run. The plugin is run again when nothing else runs; those that depend on it wait.
    pub(crate) fn postpone(self) {
        self.end(Next::Postponed);
    }

    /// Ends the run before anything was done. Another thread may start the plugin.
    pub(crate) fn give_back(self) {
        let next = if self.is_alone {
            Next::Postponed
        } else {
            Next::Ready
        };
        self.end(next);
    }

    fn end(mut self, next: Next) {
        if let Some(report) = self.report.take() {
            self.schedule.end(self.index, report, next);
        }
    }
}

impl Drop for RunningPlugin<'_> {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            self.schedule.end(self.index, report, Next::Done);
        }
    }
}
