//! A database for one test.

use diesel::connection::SimpleConnection as _;
use watertight_connection::Connection;
use watertight_embedded::{Database, ScratchDatabase};
use watertight_schema::{Answers, Catalog, Migration, MigrationError, Schema, Tables};

pub const SCHEMA: &str = "plugin_shop";

pub struct Scratch {
    pub connection: Connection,
    // Dropped after the connection.
    database: ScratchDatabase,
    // Keeps an embedded server up.
    _server: Database,
}

impl Scratch {
    /// A database in which the plugin's schema is made, and `sql` has run with it as the search path.
    pub fn new(sql: &str) -> Self {
        let server = Database::find_here().unwrap();
        let database = ScratchDatabase::create(server.url(), "watertight_schema_test").unwrap();
        let mut connection = database.url().connect().unwrap();
        let setup = format!(
            "CREATE SCHEMA {SCHEMA}; SET search_path TO {SCHEMA}, public; {sql}; RESET search_path;"
        );
        connection.batch_execute(&setup).unwrap();
        Self {
            connection,
            database,
            _server: server,
        }
    }

    pub fn url(&self) -> &str {
        self.database.url().expose_secret()
    }

    pub fn serves_one_connection(&self) -> bool {
        self.database.url().serves_one_connection()
    }

    pub fn tables(&mut self) -> Tables {
        Tables::read(&mut self.connection, SCHEMA).unwrap()
    }

    pub fn catalog(&mut self) -> Catalog {
        Catalog::read(&mut self.connection).unwrap()
    }

    /// The migration to what `schema_rs` says.
    pub fn migration(
        &mut self,
        schema_rs: &str,
        answers: &Answers,
    ) -> Result<Option<Migration>, MigrationError> {
        let wanted = Schema::from_rust(schema_rs, SCHEMA, "schema.rs").unwrap();
        Migration::write(&mut self.connection, &wanted, answers)
    }
}
