//! One session at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::holder::Holder;

/// How long a newcomer waits for a holder that has not said that it goes. A client that has just closed its
/// connection may still be heard of in a moment.
const PATIENCE: Duration = Duration::from_millis(300);
/// The same for a newcomer of the holder's own process, which seldom opens a second connection before it closes the
/// first.
const PATIENCE_WITHIN_PROCESS: Duration = Duration::from_secs(1);
/// How long a holder that goes may take, PostgreSQL's own end of the session included.
const LEAVING: Duration = Duration::from_secs(30);

/// Who has the session.
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
    /// Takes the session for `newcomer`, or says who has it.
    pub fn take(&self, newcomer: Holder) -> Result<Taken<'_>, Holder> {
        let start = Instant::now();
        let mut state = self.state();
        while let Some(current) = &*state {
            let patience = if current.leaving {
                LEAVING
            } else if current.holder.pid == newcomer.pid {
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
            holder: newcomer,
            leaving: false,
        });
        Ok(Taken(self))
    }

    /// Who has it.
    pub fn holder(&self) -> Option<Holder> {
        self.state().as_ref().map(|state| state.holder.clone())
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session, until this is dropped.
pub struct Taken<'a>(&'a Turn);

impl Taken<'_> {
    /// The client has closed its connection: whoever comes now waits for the end of the session.
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
    fn a_second_one_is_told_who_has_it() {
        let turn = Turn::default();
        let first = turn.take(process(1)).ok();
        assert_eq!(turn.take(process(2)).err(), Some(process(1)));
        drop(first);
        assert!(turn.take(process(2)).is_ok());
        assert_eq!(turn.holder(), None);
    }

    #[test]
    fn one_that_comes_while_the_first_leaves_waits() {
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
