use std::sync::OnceLock;

use watertight_connection::{DatabaseUrl, workspace_root};
use watertight_diagnostics::ErrorReport;
use watertight_embedded::{Database, EmbeddedProgress};

use crate::setup_error::SetupError;

/// Returns the URL of the server that all tests of this process share.
///
/// The `Database` is never dropped: an embedded server stops some seconds after the last process that uses it has exited.
pub(crate) fn server() -> Result<&'static DatabaseUrl, &'static SetupError> {
    static SERVER: OnceLock<Result<Database, SetupError>> = OnceLock::new();
    SERVER.get_or_init(find).as_ref().map(Database::url)
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
        Err(error) => panic!(
            "failed to find a server for this test\n{}",
            ErrorReport::new(error)
        ),
    }
}

fn find() -> Result<Database, SetupError> {
    let root = workspace_root()?;
    // To the output of the test, where a developer sees it.
    let report = |progress: EmbeddedProgress| eprintln!("{progress}");
    Ok(Database::find_with(&root, &report)?)
}
