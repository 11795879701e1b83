use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use watertight_diagnostics::causes;

use super::run::Run;
use crate::session::PgSession;

impl Run<'_> {
    /// Runs on this connection and on others, which are opened if there is work for them. Returns why one could not be
    /// opened, if so.
    pub(crate) fn on_several<C, E>(
        &self,
        connection: &mut C,
        connect: &(impl Fn() -> Result<C, E> + Sync),
        connections: NonZeroUsize,
    ) -> Option<String>
    where
        C: PgSession,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let busy = self
            .plugins
            .iter()
            .filter(|selected| selected.pending().next().is_some())
            .count();
        let additional = connections.get().min(busy).saturating_sub(1);
        let not_connected = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..additional {
                scope.spawn(|| match connect() {
                    Ok(mut connection) => self.on(&mut connection),
                    Err(error) => {
                        if let Ok(mut reason) = not_connected.lock() {
                            let error: Box<dyn Error + Send + Sync> = error.into();
                            *reason = Some(causes(Some(error.as_ref())).join(": "));
                        }
                    }
                });
            }
            self.on(connection);
        });
        not_connected.into_inner().unwrap_or_default()
    }
}
