//! Ctrl-C, SIGTERM and SIGHUP.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::{io, mem, process};

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use watertight_diagnostics::ExitCode;
use watertight_migrations::Migrator;

/// What a signal does.
enum Reaction {
    /// Exits.
    Exit,
    /// Calls this. The next signal exits.
    Call(Box<dyn FnOnce() + Send>),
    /// Leaves Ctrl-C to the program in the foreground, which gets it too. The others exit.
    LeaveCtrlC,
}

static REACTION: Mutex<Reaction> = Mutex::new(Reaction::Exit);
static INSTALLED: OnceLock<()> = OnceLock::new();

/// Sets what the first signal does, in a thread of its own. The second one exits at once.
///
/// # Errors
///
/// When the handlers cannot be installed.
pub(crate) fn on_interrupt(action: impl FnOnce() + Send + 'static) -> Result<()> {
    react(Reaction::Call(Box::new(action)))
}

/// Leaves Ctrl-C to a program that runs in the foreground.
///
/// # Errors
///
/// When the handlers cannot be installed.
pub(crate) fn leave_ctrl_c() -> Result<()> {
    react(Reaction::LeaveCtrlC)
}

/// Calls `run`, which the first signal stops.
///
/// # Errors
///
/// When the handlers cannot be installed.
pub(crate) fn interruptible<T>(migrator: &Migrator, run: impl FnOnce(&Migrator) -> T) -> Result<T> {
    let interrupt = migrator.interrupt();
    on_interrupt(move || interrupt.stop())?;
    let result = run(migrator);
    *reaction() = Reaction::Exit;
    Ok(result)
}

/// Exits with the code of an interrupted command.
pub(crate) fn exit() -> ! {
    process::exit(ExitCode::Interrupted.number().into())
}

fn react(reaction_to_signals: Reaction) -> Result<()> {
    *reaction() = reaction_to_signals;
    if INSTALLED.set(()).is_ok() {
        install().context("failed to install the handler for Ctrl-C")?;
    }
    Ok(())
}

fn install() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]
    };
    thread::spawn(move || {
        runtime.block_on(async {
            let [ctrl_c, terminate, hangup] = &mut signals;
            loop {
                let is_ctrl_c = select! {
                    _ = ctrl_c.recv() => true,
                    _ = terminate.recv() => false,
                    _ = hangup.recv() => false,
                };
                handle(is_ctrl_c);
            }
        });
    });
    Ok(())
}

fn handle(is_ctrl_c: bool) {
    let mut reaction = reaction();
    if is_ctrl_c && matches!(*reaction, Reaction::LeaveCtrlC) {
        return;
    }
    match mem::replace(&mut *reaction, Reaction::Exit) {
        Reaction::Call(action) => drop(thread::spawn(action)),
        Reaction::Exit | Reaction::LeaveCtrlC => exit(),
    }
}

fn reaction() -> MutexGuard<'static, Reaction> {
    REACTION.lock().unwrap_or_else(PoisonError::into_inner)
}
