//! One PostgreSQL for all tests, and a database of its own for each.

use std::path::Path;
use std::sync::OnceLock;

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
pub use watertight_connection::Connection;
use watertight_connection::DatabaseUrl;
use watertight_embedded::{EmbeddedServer, ScratchDatabase};

/// A role that may do nothing. Roles are the server's, and outlive a database.
pub const GUEST: &str = "watertight_test_guest";

fn server() -> &'static DatabaseUrl {
    static SERVER: OnceLock<EmbeddedServer> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = EmbeddedServer::acquire(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        if !server.url().serves_one_connection() {
            create_guest(server.url());
        }
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

/// For a test that needs a second connection: a PGlite has none, and the test is skipped.
pub fn has_one_connection() -> bool {
    let one = server().serves_one_connection();
    if one {
        eprintln!("skipped: a PGlite serves one connection");
    }
    one
}

/// A database of one test.
pub struct Database {
    url: DatabaseUrl,
    _dropped_with_this: Option<ScratchDatabase>,
}

impl Database {
    pub fn new() -> Self {
        let scratch = ScratchDatabase::create(server(), "migrations").unwrap();
        if scratch.url().serves_one_connection() {
            // Each is a server of its own there.
            create_guest(scratch.url());
        }
        Self {
            url: scratch.url().clone(),
            _dropped_with_this: Some(scratch),
        }
    }

    /// The database that a parent process uses.
    pub fn at(url: &str) -> Self {
        Self {
            url: DatabaseUrl::parse(url).unwrap(),
            _dropped_with_this: None,
        }
    }

    pub fn url(&self) -> &str {
        self.url.expose_secret()
    }

    pub fn connect(&self) -> Connection {
        self.url.connect().unwrap()
    }

    /// A connection with the rights of another role.
    pub fn connect_as(&self, role: &str) -> Connection {
        let mut connection = self.connect();
        execute(
            &mut connection,
            &format!("SET SESSION AUTHORIZATION {role}"),
        );
        connection
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

/// The values of a query with one column of text.
pub fn texts(connection: &mut Connection, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = sql_query(format!(
        "SELECT value::text AS value FROM ({sql}) AS q (value)"
    ))
    .load(connection)
    .unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

pub fn text(connection: &mut Connection, sql: &str) -> String {
    texts(connection, sql).join("\n")
}

/// The versions in a plugin's history, oldest first.
pub fn history(connection: &mut Connection, schema: &str) -> Vec<String> {
    texts(
        connection,
        &format!("SELECT version FROM {schema}.__diesel_schema_migrations ORDER BY version"),
    )
}

pub fn exists(connection: &mut Connection, relation: &str) -> bool {
    text(
        connection,
        &format!("SELECT to_regclass('{relation}') IS NOT NULL"),
    ) == "true"
}

/// Writes files below a folder.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
