use std::env;
use std::panic;
use std::sync::Once;
use std::thread;

use watertight_connection::{Connection, DatabaseUrl};
use watertight_diagnostics::ErrorReport;
use watertight_embedded::ScratchDatabase;
use watertight_migrations::{Migrator, PluginMigrations};

use crate::server::server;
use crate::setup_error::SetupError;
use crate::template;

/// The environment variable that keeps the databases of failed tests.
pub const KEEP_VARIABLE: &str = "WATERTIGHT_KEEP_DATABASE";

/// The prefix of the names of test databases.
const PREFIX: &str = "watertight_test";

/// The database of one test, dropped with this value.
pub struct TestDatabase {
    // `None` only while it is dropped.
    database: Option<ScratchDatabase>,
    url: DatabaseUrl,
}

impl TestDatabase {
    /// Creates a database with the migrations of `plugins` applied.
    ///
    /// The list has to include the plugins that they depend on.
    ///
    /// # Panics
    ///
    /// Panics if there is no server, its role must not create databases, or a migration fails, with a message that says
    /// which and what to do.
    #[track_caller]
    pub fn new(plugins: Vec<PluginMigrations>) -> Self {
        // On a thread of its own, since this blocks and the caller may be async.
        let result = thread::scope(|scope| {
            let work = scope.spawn(|| Self::create(plugins));
            work.join()
        });
        match result {
            Ok(Ok(database)) => Self {
                url: database.url().clone(),
                database: Some(database),
            },
            Ok(Err(error)) => panic!(
                "failed to create a database for this test\n{}",
                ErrorReport::new(&error)
            ),
            Err(payload) => panic::resume_unwind(payload),
        }
    }

    fn create(plugins: Vec<PluginMigrations>) -> Result<ScratchDatabase, SetupError> {
        let server = server()?;
        let migrator = Migrator::new(plugins)?;
        drop_abandoned(server)?;
        let Some(fingerprint) = migrator.fingerprint() else {
            let database = ScratchDatabase::create(server, PREFIX)?;
            template::migrate(&migrator, database.url())?;
            return Ok(database);
        };
        template::copy(server, PREFIX, &migrator, &fingerprint)
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Connects with a blocking connection.
    ///
    /// # Panics
    ///
    /// Panics if connecting fails.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        match self.url.connect() {
            Ok(connection) => connection,
            Err(error) => panic!("{}", ErrorReport::from_error(&error)),
        }
    }
}

/// Drops the databases of killed tests, once per process.
fn drop_abandoned(server: &DatabaseUrl) -> Result<(), SetupError> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| {
        result = [PREFIX, template::UNFINISHED]
            .into_iter()
            .try_for_each(|prefix| ScratchDatabase::sweep(server, prefix).map(|_| ()));
    });
    Ok(result?)
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let is_kept = env::var_os(KEEP_VARIABLE).is_some_and(|value| !value.is_empty());
        if !(is_kept && thread::panicking()) {
            return;
        }
        let Some(database) = self.database.take() else {
            return;
        };
        // To the output of the test, where a developer sees it.
        match database.keep() {
            Ok(url) => eprintln!("the database of this test is kept: {url}"),
            Err(error) => eprintln!("{}", ErrorReport::new(&error)),
        }
    }
}
