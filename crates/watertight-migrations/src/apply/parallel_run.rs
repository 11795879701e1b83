use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use watertight_diagnostics::causes;

use super::run::Run;
use crate::errors::MigrateError;
use crate::session::Session;

impl Run<'_> {
    /// Runs on this session and on others, which are opened if there is work for them. Returns why one could not be
    /// opened, if so.
    pub(crate) fn on_several<S: Session>(
        &self,
        session: &mut S,
        connect: &(impl Fn() -> Result<S, MigrateError> + Sync),
        sessions: NonZeroUsize,
    ) -> Option<String> {
        let busy = self
            .plugins
            .iter()
            .filter(|selected| selected.pending().next().is_some())
            .count();
        let additional = sessions.get().min(busy).saturating_sub(1);
        let not_connected = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..additional {
                scope.spawn(|| match connect() {
                    Ok(mut session) => self.on(&mut session),
                    Err(error) => {
                        if let Ok(mut reason) = not_connected.lock() {
                            *reason = Some(causes(Some(&error)).join(": "));
                        }
                    }
                });
            }
            self.on(session);
        });
        not_connected.into_inner().unwrap_or_default()
    }
}
