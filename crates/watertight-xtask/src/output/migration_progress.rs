use std::error::Error as _;
use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use watertight_diagnostics::causes;
use watertight_migrations::{Direction, MigrationProgress};

use crate::output::terminal;

/// Reports on stderr how migrations progress: with a bar on a terminal, with one line per migration elsewhere.
pub(crate) struct ProgressReporter {
    bar: Arc<ProgressBar>,
}

impl ProgressReporter {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}")
            .expect("the template is well-formed")
            .progress_chars("=> ");
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { bar: Arc::new(bar) }
    }

    /// Returns the function that a migrator calls.
    pub(crate) fn callback(&self) -> impl Fn(&MigrationProgress<'_>) + Send + Sync + 'static {
        let bar = Arc::clone(&self.bar);
        move |progress| report(&bar, progress)
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn report(bar: &ProgressBar, progress: &MigrationProgress<'_>) {
    if let Some(warning) = progress.warning() {
        bar.suspend(|| terminal::warning(&warning));
        return;
    }
    let print = |line: String| bar.suspend(|| terminal::status(&line));
    match progress {
        MigrationProgress::Planned { migrations, .. } => bar.set_length(*migrations as u64),
        MigrationProgress::Started {
            plugin, migration, ..
        } => bar.set_message(format!("{plugin} {migration}")),
        MigrationProgress::Finished {
            plugin,
            migration,
            direction,
            duration,
            by_another_run,
        } => {
            bar.inc(1);
            if !bar.is_hidden() {
                // The report has one line for all migrations of a plugin.
                return;
            }
            let action = match (direction, by_another_run) {
                (_, true) => "applied by another run",
                (Direction::Up, false) => "applied",
                (Direction::Down, false) => "reverted",
                (Direction::Redo, false) => "reverted and applied",
            };
            let milliseconds = duration.as_millis();
            print(format!(
                "{plugin} {migration} {action} in {milliseconds} ms"
            ));
        }
        MigrationProgress::Failed {
            plugin, migration, ..
        } => print(format!("{plugin} {migration} failed")),
        MigrationProgress::Postponed {
            plugin,
            migration,
            error,
        } => print(format!(
            "{plugin} {migration} is applied again when nothing else runs: {}",
            causes(error.source()).join(": ")
        )),
        _ => {
            if let Some(line) = progress.status_line() {
                print(line);
            }
        }
    }
}
