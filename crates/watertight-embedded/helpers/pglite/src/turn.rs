//! Allows one session at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::holder::Holder;

/// How long a process waits for a holder whose connection is open: the server sees the end of a closed connection with a
/// delay.
const PATIENCE: Duration = Duration::from_millis(300);
/// The same within one process, which seldom opens a second connection before it closes the first.
const PATIENCE_WITHIN_PROCESS: Duration = Duration::from_secs(1);
/// How long a process waits for a holder that has disconnected, until PostgreSQL has ended the session.
const LEAVING_PATIENCE: Duration = Duration::from_secs(30);

/// The holder of the session.
#[derive(Default)]
pub struct Turn {
    state: Mutex<Option<State>>,
    changed: Condvar,
}

struct State {
    holder: Holder,
    leaving: bool,
}

impl Turn {
    /// Takes the session for `process`, or returns its holder.
    pub fn take(&self, process: Holder) -> Result<Taken<'_>, Holder> {
        let start = Instant::now();
        let mut state = self.state();
        while let Some(current) = &*state {
            let patience = if current.leaving {
                LEAVING_PATIENCE
            } else if current.holder.pid == process.pid {
                PATIENCE_WITHIN_PROCESS
            } else {
                PATIENCE
            };
            let Some(left) = patience.checked_sub(start.elapsed()) else {
                return Err(current.holder.clone());
            };
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *state = Some(State {
            holder: process,
            leaving: false,
        });
        Ok(Taken(self))
    }

    /// Returns the holder of the session.
    pub fn holder(&self) -> Option<Holder> {
        self.state().as_ref().map(|state| state.holder.clone())
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session, which is released when this is dropped.
pub struct Taken<'a>(&'a Turn);

impl Taken<'_> {
    /// Marks the holder as disconnected: other processes now wait for the end of the session.
    pub fn leave(&self) {
        if let Some(state) = &mut *self.0.state() {
            state.leaving = true;
        }
        self.0.changed.notify_all();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.state() = None;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{scope, sleep};

    use super::*;

    fn process(pid: i32) -> Holder {
        Holder {
            pid,
            command: format!("program {pid}"),
        }
    }

    #[test]
    fn a_second_process_gets_the_holder() {
        let turn = Turn::default();
        let first = turn.take(process(1)).ok();
        assert_eq!(turn.take(process(2)).err(), Some(process(1)));
        drop(first);
        assert!(turn.take(process(2)).is_ok());
        assert_eq!(turn.holder(), None);
    }

    #[test]
    fn a_process_waits_while_the_holder_is_leaving() {
        let turn = Turn::default();
        let first = turn.take(process(1)).ok().unwrap();
        first.leave();
        scope(|scope| {
            let second = scope.spawn(|| turn.take(process(2)).is_ok());
            sleep(PATIENCE * 2);
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
