use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::run::Run;
use crate::errors::MigrateError;
use crate::report::RunReport;
use crate::session::{Options, Session};
use crate::sources::LoadedPlugin;

/// Runs the pending migrations over at most `sessions` sessions. All but the first are opened as soon as it is known
/// that there is work for them, while the first one still reads the state.
pub(crate) fn run_on_several<S: Session>(
    plugins: &[&LoadedPlugin],
    connect: &(impl Fn() -> Result<S, MigrateError> + Sync),
    sessions: usize,
    options: &Options,
) -> Result<RunReport, MigrateError> {
    let mut session = connect()?;
    thread::scope(|scope| {
        let mut others = Vec::new();
        let run = Run::prepare(&mut session, plugins, options, &mut |breadth| {
            while others.len() + 1 < breadth.min(sessions) {
                others.push(OtherSession::open(scope, connect));
            }
        })?;
        let run = Arc::new(run);
        let threads: Vec<_> = others.into_iter().map(|other| other.start(&run)).collect();
        let mut errors = Vec::from_iter(run.on(&mut session).err());
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            errors.extend(ended.err());
        }
        let run = Arc::into_inner(run).expect("the other threads have ended");
        Ok(run.into_report(errors.first()))
    })
}

/// A session that is opened on a thread of its own, and used there when the run is prepared.
struct OtherSession<'scope, 'a> {
    run: Sender<Arc<Run<'a>>>,
    thread: ScopedJoinHandle<'scope, Result<(), MigrateError>>,
}

impl<'scope, 'a: 'scope> OtherSession<'scope, 'a> {
    fn open<S: Session>(
        scope: &'scope Scope<'scope, '_>,
        connect: &'scope (impl Fn() -> Result<S, MigrateError> + Sync),
    ) -> Self {
        let (run, prepared) = channel::<Arc<Run<'a>>>();
        let thread = scope.spawn(move || {
            let mut session = connect()?;
            match prepared.recv() {
                Ok(run) => run.on(&mut session),
                // The run could not be prepared.
                Err(_) => Ok(()),
            }
        });
        Self { run, thread }
    }

    fn start(self, run: &Arc<Run<'a>>) -> ScopedJoinHandle<'scope, Result<(), MigrateError>> {
        // Fails if the session could not be opened.
        let _ = self.run.send(Arc::clone(run));
        self.thread
    }
}
