use std::env;
use std::sync::Once;

use watertight_connection::{Connection, DatabaseUrl};
use watertight_embedded::ScratchDatabase;
use watertight_migrations::{Migrator, Plugin};

use crate::server::server;
use crate::template;

/// The environment variable that keeps the databases of failed tests.
pub const KEEP_VARIABLE: &str = "WATERTIGHT_KEEP_DATABASE";

/// The databases of tests are called this, and something unique.
const PREFIX: &str = "watertight_test";

/// A database of one test, dropped with this value.
pub struct TestDatabase {
    // None only while it is dropped.
    database: Option<ScratchDatabase>,
    url: DatabaseUrl,
}

impl TestDatabase {
    /// Makes a fresh database in which the migrations of `plugins` have run.
    ///
    /// A plugin that depends on others needs them in the list too.
    ///
    /// # Panics
    ///
    /// Panics when there is no server, its role may not create databases, or a migration fails; the message says
    /// which and what to do. A test cannot go on without its database.
    #[track_caller]
    pub fn new(plugins: Vec<Plugin>) -> Self {
        // Inside an async test a thread must not block, so the work has a thread of its own.
        let made = std::thread::scope(|scope| {
            let work = scope.spawn(|| Self::make(plugins).map_err(|error| error.to_string()));
            work.join()
        });
        match made {
            Ok(Ok(database)) => Self {
                url: database.url().clone(),
                database: Some(database),
            },
            Ok(Err(error)) => panic!("failed to make a database for this test: {error}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn make(
        plugins: Vec<Plugin>,
    ) -> Result<ScratchDatabase, Box<dyn std::error::Error + Send + Sync>> {
        let server = server()?;
        let migrator = Migrator::new(plugins)?;
        sweep_once(server)?;
        let Some(fingerprint) = migrator.fingerprint() else {
            let database = ScratchDatabase::create(server, PREFIX)?;
            template::migrate(&migrator, database.url())?;
            return Ok(database);
        };
        template::copy(server, PREFIX, &migrator, &fingerprint)
    }

    /// The URL of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Connects, for a test that is not async.
    ///
    /// # Panics
    ///
    /// Panics when there is no connection to be had.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        match self.url.connect() {
            Ok(connection) => connection,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Drops what killed tests have left, once in each process.
fn sweep_once(server: &DatabaseUrl) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    static SWEPT: Once = Once::new();
    let mut swept = Ok(());
    SWEPT.call_once(|| {
        swept = [PREFIX, template::UNFINISHED]
            .into_iter()
            .try_for_each(|prefix| ScratchDatabase::sweep(server, prefix).map(|_| ()));
    });
    Ok(swept?)
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let wanted = env::var_os(KEEP_VARIABLE).is_some_and(|value| !value.is_empty());
        if !(wanted && std::thread::panicking()) {
            return;
        }
        let Some(database) = self.database.take() else {
            return;
        };
        // The test's own output is where its reader looks.
        match database.keep() {
            Ok(url) => eprintln!("the database of this test is kept: {url}"),
            Err(error) => eprintln!("{error}"),
        }
    }
}
