use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use tempfile::TempDir;
use watertight_connection::DatabaseUrl;
use watertight_embedded::EmbeddedServer;

/// Returns the rows of queries on the database at `url`, one a line, as PostgreSQL prints row values.
///
/// # Panics
///
/// Panics if the connection or a query fails.
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

/// A database server that is running already when a command starts.
pub struct Server {
    server: EmbeddedServer,
    _folder: TempDir,
}

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            server: EmbeddedServer::acquire(folder.path()).unwrap(),
            _folder: folder,
        }
    }

    /// The value for `DATABASE_URL`.
    pub fn url(&self) -> &str {
        self.server.url().expose_secret()
    }

    /// Whether a second connection is refused, as by PGlite.
    pub fn serves_one_connection(&self) -> bool {
        self.server.url().serves_one_connection()
    }
}
