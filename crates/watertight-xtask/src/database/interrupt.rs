use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use watertight_diagnostics::ExitCode;

type Action = Arc<dyn Fn() + Send + Sync>;

static ACTION: Mutex<Option<Action>> = Mutex::new(None);
static HANDLER: OnceLock<()> = OnceLock::new();

/// Sets the action of Ctrl-C, which replaces the one before. It runs in a thread of its own.
///
/// # Errors
///
/// When the handler cannot be installed.
pub(crate) fn on_interrupt(action: impl Fn() + Send + Sync + 'static) -> Result<()> {
    *ACTION.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(action));
    if HANDLER.set(()).is_err() {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        let action = ACTION
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(action) = action {
            action();
        }
    })
    .context("failed to install the handler for Ctrl-C")
}

/// Exits with the code of an interrupted command.
pub(crate) fn exit() -> ! {
    process::exit(ExitCode::Interrupted.number().into())
}
