use std::sync::OnceLock;

use watertight_database::{Database, DatabaseUrl, workspace_root};

/// The server that all tests of this process share.
///
/// The database is never dropped: an embedded server stays up until the process has ended, and stops some
/// seconds after the last process that uses it.
pub(crate) fn server() -> Result<&'static DatabaseUrl, String> {
    static SERVER: OnceLock<Result<Database, String>> = OnceLock::new();
    match SERVER.get_or_init(find) {
        Ok(database) => Ok(database.url()),
        Err(error) => Err(error.clone()),
    }
}

fn find() -> Result<Database, String> {
    let root = workspace_root().map_err(|error| error.to_string())?;
    Database::find(&root).map_err(|error| error.to_string())
}
