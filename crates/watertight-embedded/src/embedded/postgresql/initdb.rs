//! Creating a data folder.

use std::fs::{self, File};
use std::io;

use super::binaries::Binaries;
use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::server_location::ServerLocation;
use crate::embedded::state::server_user::ServerUser;

/// The superuser of the embedded server.
pub(super) const SUPERUSER: &str = "watertight";

/// Creates the data folder with `initdb`. It is renamed when it is complete.
///
/// `initdb` holds the server's lock through its standard input, which it does not read: if this process is killed, the
/// next one waits until `initdb` has ended.
pub(super) fn create_data(
    binaries: &Binaries,
    location: &ServerLocation,
    user: &ServerUser,
    server_lock: &File,
) -> Result<(), EmbeddedError> {
    let failed = |error: io::Error| EmbeddedError::Init {
        reason: error.to_string(),
    };
    let new = location.folder().join("data.new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(EmbeddedError::at(&new))?;
    }
    let output = user
        .command(binaries.initdb(), location.folder())
        .arg("-D")
        .arg(&new)
        .args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            SUPERUSER,
        ])
        .stdin(server_lock.try_clone().map_err(failed)?)
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(EmbeddedError::Init { reason });
    }
    let data = location.data();
    fs::rename(&new, &data).map_err(EmbeddedError::at(&data))
}
