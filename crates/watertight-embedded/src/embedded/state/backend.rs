use std::fs::File;

use watertight_connection::DatabaseUrl;

use super::embedded_error::EmbeddedError;
use super::home::Home;
use super::server_location::ServerLocation;
use super::server_user::ServerUser;

/// A kind of embedded server.
pub(crate) trait Backend {
    /// A server that this process has started.
    type Started: StartedServer;

    /// Becomes a user of the server at `location`. Returns `None` if it is still starting, or stopping.
    fn join(
        &self,
        home: &Home,
        location: &ServerLocation,
    ) -> Result<Option<JoinedServer>, EmbeddedError>;

    /// Starts the server at `location`. It may not accept connections yet. The caller holds the start lock; the server's
    /// processes hold `server_lock`.
    fn start(
        &self,
        home: &Home,
        location: &ServerLocation,
        user: &ServerUser,
        server_lock: File,
    ) -> Result<Self::Started, EmbeddedError>;
}

/// A server that this process has started. Dropping it stops the server, unless it was released.
pub(crate) trait StartedServer {
    /// Returns the last lines that the server has logged since it was started.
    fn log_tail(&mut self) -> String;

    /// Lets the server run independently of this process.
    fn release(self);
}

/// A server that this process uses.
pub(crate) struct JoinedServer {
    pub(crate) url: DatabaseUrl,
    /// Keeps the server running until it is dropped.
    _lease: Box<dyn Send + Sync>,
}

impl JoinedServer {
    pub(crate) fn new(url: DatabaseUrl, lease: impl Send + Sync + 'static) -> Self {
        Self {
            url,
            _lease: Box::new(lease),
        }
    }
}
