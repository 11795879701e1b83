//! One PostgreSQL server for all tests, and an empty database for each.

use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
pub use watertight_connection::Connection;
use watertight_connection::DatabaseUrl;
use watertight_embedded::{EmbeddedServer, ScratchDatabase};

/// A role without rights. Roles belong to the server and outlive a database.
pub const GUEST: &str = "watertight_test_guest";

const PREFIX: &str = "migrations";

/// Empty databases for the next tests, because creating and dropping one takes longer than most tests.
static POOL: Mutex<Vec<ScratchDatabase>> = Mutex::new(Vec::new());

fn server() -> &'static DatabaseUrl {
    static SERVER: OnceLock<EmbeddedServer> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = EmbeddedServer::acquire(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        if !server.url().serves_one_connection() {
            create_guest(server.url());
        }
        // Previous runs leave the databases of the pool.
        ScratchDatabase::sweep(server.url(), PREFIX).unwrap();
        server
    });
    server.url()
}

fn create_guest(url: &DatabaseUrl) {
    execute(
        &mut url.connect().unwrap(),
        &format!(
            "DO $$ BEGIN CREATE ROLE {GUEST}; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ),
    );
}

/// Returns whether to skip a test that needs a second connection, which PGlite does not have.
pub fn skip_on_one_connection() -> bool {
    let skip = server().serves_one_connection();
    if skip {
        eprintln!("skipped: PGlite serves one connection");
    }
    skip
}

/// The database of a test, which is emptied for the next test when this value is dropped.
pub struct TestDatabase {
    url: DatabaseUrl,
    scratch: Option<ScratchDatabase>,
}

impl TestDatabase {
    pub fn new() -> Self {
        let server = server();
        let pooled = POOL.lock().unwrap().pop();
        let scratch = pooled.unwrap_or_else(|| ScratchDatabase::create(server, PREFIX).unwrap());
        if scratch.url().serves_one_connection() {
            // Each PGlite database is a server of its own.
            create_guest(scratch.url());
        }
        Self {
            url: scratch.url().clone(),
            scratch: Some(scratch),
        }
    }

    /// Uses the database of the parent process.
    pub fn at(url: &str) -> Self {
        Self {
            url: DatabaseUrl::parse(url).unwrap(),
            scratch: None,
        }
    }

    pub fn url(&self) -> &str {
        self.url.expose_secret()
    }

    pub fn database_url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Sets or resets a setting of the database, for connections that are opened later.
    pub fn alter(&self, setting: &str) {
        execute(
            &mut self.connect(),
            &format!(
                "DO $$ BEGIN EXECUTE format($f$ALTER DATABASE %I {setting}$f$, current_database()); END $$"
            ),
        );
    }

    pub fn connect(&self) -> Connection {
        self.url.connect().unwrap()
    }

    /// Connects with the rights of another role.
    pub fn connect_as(&self, role: &str) -> Connection {
        let mut connection = self.connect();
        execute(
            &mut connection,
            &format!("SET SESSION AUTHORIZATION {role}"),
        );
        connection
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(scratch) = self.scratch.take() else {
            return;
        };
        if !thread::panicking() && !self.url.serves_one_connection() && self.drop_schemas().is_ok()
        {
            POOL.lock().unwrap().push(scratch);
        }
    }
}

impl TestDatabase {
    fn drop_schemas(&self) -> Result<(), Box<dyn std::error::Error>> {
        self.url.connect()?.batch_execute(
            "DO $$ DECLARE name text; BEGIN \
             EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); \
             FOR name IN SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'plugin_') \
             LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP; END $$",
        )?;
        Ok(())
    }
}

pub fn execute(connection: &mut Connection, sql: &str) {
    connection.batch_execute(sql).unwrap();
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(Pg))]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Returns the values of a query with one column.
pub fn query_all(connection: &mut Connection, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = sql_query(format!(
        "SELECT value::text AS value FROM ({sql}) AS q (value)"
    ))
    .load(connection)
    .unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

pub fn query_one(connection: &mut Connection, sql: &str) -> String {
    query_all(connection, sql).join("\n")
}

/// Returns the versions in a plugin's history, oldest first.
pub fn history(connection: &mut Connection, schema: &str) -> Vec<String> {
    query_all(
        connection,
        &format!("SELECT version FROM {schema}.__diesel_schema_migrations ORDER BY version"),
    )
}

pub fn relation_exists(connection: &mut Connection, relation: &str) -> bool {
    query_one(
        connection,
        &format!("SELECT to_regclass('{relation}') IS NOT NULL"),
    ) == "true"
}

/// Waits until a query returns true.
pub fn wait_until(connection: &mut Connection, condition: &str) {
    let start = Instant::now();
    while query_one(connection, condition) != "true" {
        assert!(start.elapsed() < Duration::from_secs(30), "{condition}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Replaces the times since when sessions do something by `TIME`.
pub fn without_times(text: &str) -> String {
    let mut parts = text.split(" since ");
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("UTC").unwrap();
        replaced += " since TIME";
        replaced += rest;
    }
    replaced
}

/// Writes files, each a path in the folder and its contents.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, contents) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
}
