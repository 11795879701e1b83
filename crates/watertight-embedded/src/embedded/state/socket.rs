use std::path::Path;

/// The name of PostgreSQL's socket for port 5432.
pub(crate) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Operating systems allow about 104 bytes.
const MAX_SOCKET_PATH: usize = 100;

/// Returns whether a socket in `folder` can be connected to and be part of a URL.
pub(crate) fn fits_socket(folder: &Path) -> bool {
    folder.join(SOCKET_NAME).as_os_str().len() < MAX_SOCKET_PATH
        // libpq splits `host` at commas.
        && folder.to_str().is_some_and(|path| !path.contains([',', '"']))
}
