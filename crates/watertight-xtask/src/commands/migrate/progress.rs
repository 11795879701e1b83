use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use watertight_migrations::{Direction, MigrationProgress};

use crate::terminal;

/// Tells how migrations go, on stderr: a bar on a terminal, one line for each migration elsewhere.
pub(crate) struct Reporter {
    bar: Arc<ProgressBar>,
}

impl Reporter {
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

    /// What a migrator calls.
    pub(crate) fn callback(&self) -> impl Fn(&MigrationProgress<'_>) + Send + Sync + 'static {
        let bar = Arc::clone(&self.bar);
        move |progress| tell(&bar, progress)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn tell(bar: &ProgressBar, progress: &MigrationProgress<'_>) {
    let line = |text: String| bar.suspend(|| terminal::remark(&text));
    match progress {
        MigrationProgress::Planned { migrations } => bar.set_length(*migrations as u64),
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
            let done = match (direction, by_another_run) {
                (_, true) => "applied by another run",
                (Direction::Up, false) => "applied",
                (Direction::Down, false) => "reverted",
                (Direction::Redo, false) => "reverted and applied",
            };
            let milliseconds = duration.as_millis();
            line(format!("{plugin} {migration} {done} in {milliseconds} ms"));
        }
        MigrationProgress::Failed {
            plugin, migration, ..
        } => line(format!("{plugin} {migration} failed")),
        MigrationProgress::Waiting { plugin, holder } => {
            let what = match plugin {
                Some(plugin) => format!("plugin {plugin}"),
                None => "the creation of schemas".to_owned(),
            };
            line(format!(
                "waiting for the lock on {what}, which {holder} holds"
            ));
        }
        _ => {}
    }
}
