use tempfile::TempDir;
use watertight_database::EmbeddedServer;

/// A PostgreSQL server that is already running when the commands come, as far as they can tell.
pub struct Server {
    server: EmbeddedServer,
    _folder: TempDir,
}

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// Panics when it does not start.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            server: EmbeddedServer::acquire(folder.path()).unwrap(),
            _folder: folder,
        }
    }

    /// What a user would set `DATABASE_URL` to.
    pub fn url(&self) -> &str {
        self.server.url().expose_secret()
    }
}
