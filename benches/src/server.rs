//! The PostgreSQL that all runners migrate.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use tempfile::TempDir;
use watertight_connection::DatabaseUrl;
use watertight_embedded::{EmbeddedKind, EmbeddedServer, ScratchDatabase};

use crate::proxy::Proxy;

/// A new server with PostgreSQL's default settings, on a socket with trust authentication.
pub struct Server {
    server: EmbeddedServer,
    folder: TempDir,
}

impl Server {
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = EmbeddedServer::acquire(folder.path())?;
        ensure!(
            server.kind() == EmbeddedKind::Postgresql,
            "failed to start PostgreSQL: it is not installed"
        );
        Ok(Self { server, folder })
    }

    /// Returns the server's socket.
    pub fn socket(&self) -> Result<PathBuf> {
        Ok(self.socket_folder()?.join(".s.PGSQL.5432"))
    }

    /// Returns the name and version of the server.
    pub fn version(&self) -> Result<String> {
        let version = sql::<Text>("split_part(version(), ' (', 1)");
        Ok(diesel::select(version).get_result(&mut self.server.url().connect()?)?)
    }

    pub fn create_database(&self) -> Result<ScratchDatabase> {
        Ok(ScratchDatabase::create(self.server.url(), "benchmark")?)
    }

    /// Returns a URL that every runner understands: through the proxy, or on the socket without one.
    pub fn url(&self, database: &ScratchDatabase, proxy: Option<&Proxy>) -> Result<String> {
        let url: &DatabaseUrl = database.url();
        let (user, name) = (url.user_name(), url.database_name());
        Ok(match proxy {
            Some(proxy) => format!(
                "postgres://{user}@127.0.0.1:{}/{name}?sslmode=disable",
                proxy.port()
            ),
            None => format!(
                "postgres:///{name}?user={user}&host={}&sslmode=disable",
                self.socket_folder()?.display()
            ),
        })
    }

    fn socket_folder(&self) -> Result<PathBuf> {
        let folder = self.server.url().socket_folder();
        Ok(folder
            .context("failed to find the server's socket")?
            .to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it fails, the server stops by itself some seconds after this process.
        let _ = EmbeddedServer::stop(self.folder.path());
    }
}
