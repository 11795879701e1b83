use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use tempfile::TempDir;
use watertight_connection::DatabaseUrl;
use watertight_embedded::EmbeddedServer;

/// What queries answer on the database at `url`, a row a line, as PostgreSQL writes rows.
///
/// # Panics
///
/// Panics when there is no connection, or a query fails.
pub fn rows(url: &str, queries: &str) -> String {
    let url: DatabaseUrl = url.parse().unwrap();
    let mut connection = url.connect().unwrap();
    let queries = queries.split(';').filter(|query| !query.trim().is_empty());
    queries
        .flat_map(|query| {
            let rows = format!("SELECT q::text FROM ({query}) AS q");
            sql::<Text>(&rows).load::<String>(&mut connection).unwrap()
        })
        .map(|row| row + "\n")
        .collect()
}

/// A database server that is already running when the commands come, as far as they can tell.
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

    /// Whether a second connection is refused.
    pub fn serves_one_connection(&self) -> bool {
        self.server.url().serves_one_connection()
    }
}
