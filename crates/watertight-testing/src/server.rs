use std::sync::OnceLock;

use watertight_connection::{DatabaseUrl, workspace_root};
use watertight_embedded::{Database, EmbeddedProgress};

/// Returns the URL of the server that all tests of this process share.
///
/// The `Database` is never dropped: an embedded server stops some seconds after the last process that uses it has exited.
pub(crate) fn server() -> Result<&'static DatabaseUrl, String> {
    static SERVER: OnceLock<Result<Database, String>> = OnceLock::new();
    match SERVER.get_or_init(find) {
        Ok(database) => Ok(database.url()),
        Err(error) => Err(error.clone()),
    }
}

/// Whether each test database is a PGlite, which serves one connection at a time and has no roles that can log in. A test
/// that needs more can return early:
///
/// ```
/// if watertight_testing::serves_one_connection() {
///     eprintln!("skipped: this needs a PostgreSQL server");
///     return;
/// }
/// ```
///
/// # Panics
///
/// Panics if there is no server.
#[track_caller]
pub fn serves_one_connection() -> bool {
    match server() {
        Ok(url) => url.serves_one_connection(),
        Err(error) => panic!("failed to find a server for this test: {error}"),
    }
}

fn find() -> Result<Database, String> {
    let root = workspace_root().map_err(|error| error.to_string())?;
    // To the output of the test, where a developer sees it.
    let report = |progress: EmbeddedProgress| eprintln!("{progress}");
    Database::find_with(&root, &report).map_err(|error| error.to_string())
}
