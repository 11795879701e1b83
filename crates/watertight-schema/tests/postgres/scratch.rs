//! Databases for tests.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Integer;
use watertight_connection::Connection;
use watertight_embedded::{Database, ScratchDatabase};
use watertight_schema::{
    Catalog, DatabaseTables, GenerateError, GeneratedMigration, RenameAnswers, Schema,
};

pub const SCHEMA: &str = "plugin_shop";

const DROP_ALL_SCHEMAS: &str = r"
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', name);
        END LOOP;
    END $$;
    CREATE SCHEMA public;";

/// The database of one test.
///
/// Creating and dropping databases takes most of a small test's time, so a test that succeeds leaves its database, empty,
/// to the next one.
pub struct Scratch {
    /// `None` only while it is dropped.
    database: Option<ScratchConnection>,
    pool: Arc<Pool>,
}

pub struct ScratchConnection {
    pub connection: Connection,
    // Dropped after the connection.
    database: ScratchDatabase,
}

/// The databases that no test uses, dropped after the last test.
struct Pool {
    idle: Mutex<Vec<ScratchConnection>>,
    // Keeps an embedded server running.
    server: Database,
}

impl Pool {
    fn get() -> Arc<Self> {
        static POOL: Mutex<Weak<Pool>> = Mutex::new(Weak::new());
        let mut pool = lock(&POOL);
        pool.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Self {
                idle: Mutex::default(),
                server: Database::find_here().unwrap(),
            });
            *pool = Arc::downgrade(&new);
            new
        })
    }

    fn take(&self) -> ScratchConnection {
        if let Some(database) = lock(&self.idle).pop() {
            return database;
        }
        let database =
            ScratchDatabase::create(self.server.url(), "watertight_schema_test").unwrap();
        ScratchConnection {
            connection: database.url().connect().unwrap(),
            database,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scratch {
    /// Returns a database with an empty schema for the plugin, in which `sql` has run with that schema as the search path.
    pub fn new(sql: &str) -> Self {
        let pool = Pool::get();
        let mut scratch = Self {
            database: Some(pool.take()),
            pool,
        };
        let setup = format!(
            "CREATE SCHEMA {SCHEMA}; SET search_path TO {SCHEMA}, public; {sql}; RESET search_path;"
        );
        scratch.connection.batch_execute(&setup).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        if let Some(mut database) = self.database.take() {
            database.connection.batch_execute(DROP_ALL_SCHEMAS).unwrap();
            lock(&self.pool.idle).push(database);
        }
    }
}

impl Deref for Scratch {
    type Target = ScratchConnection;

    fn deref(&self) -> &ScratchConnection {
        self.database.as_ref().expect("is set until it is dropped")
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut ScratchConnection {
        self.database.as_mut().expect("is set until it is dropped")
    }
}

impl ScratchConnection {
    pub fn url(&self) -> &str {
        self.database.url().expose_secret()
    }

    pub fn serves_one_connection(&self) -> bool {
        self.database.url().serves_one_connection()
    }

    /// Returns the major version of the server.
    pub fn major_version(&mut self) -> u32 {
        let version = sql::<Integer>("SELECT current_setting('server_version_num')::int");
        let version: i32 = version.get_result(&mut self.connection).unwrap();
        u32::try_from(version).unwrap() / 10_000
    }

    pub fn tables(&mut self) -> DatabaseTables {
        DatabaseTables::read(&mut self.connection, SCHEMA).unwrap()
    }

    pub fn catalog(&mut self) -> Catalog {
        Catalog::read(&mut self.connection).unwrap()
    }

    /// Generates the migration to the tables of `schema_rs`.
    pub fn generate(
        &mut self,
        schema_rs: &str,
        answers: &RenameAnswers,
    ) -> Result<Option<GeneratedMigration>, GenerateError> {
        let wanted = Schema::from_rust(schema_rs, SCHEMA, "schema.rs").unwrap();
        GeneratedMigration::generate(&mut self.connection, &wanted, answers)
    }
}
