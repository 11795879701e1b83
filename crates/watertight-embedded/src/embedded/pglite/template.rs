//! Data to start instances with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use watertight_connection::{DatabaseUrl, PgliteMarker};

use super::instance::Instance;
use crate::embedded::state::embedded_error::EmbeddedError;

/// Creates the template `name` unless it exists, from an instance called `unfinished` that `fill` fills. Then it removes the
/// other templates whose names begin with `family`. Concurrent callers wait.
pub(crate) fn ensure<E>(
    server: &PgliteMarker,
    name: &str,
    family: &str,
    unfinished: &str,
    fill: impl FnOnce(&DatabaseUrl) -> Result<(), E>,
    convert: impl Fn(EmbeddedError) -> E,
) -> Result<(), E> {
    let folder = template_folder(server);
    let _lock = lock(&folder, family).map_err(&convert)?;
    let template = folder.join(name);
    if template.exists() {
        return Ok(());
    }
    let instance = Instance::start(server, unfinished, None).map_err(&convert)?;
    fill(&instance.url())?;
    instance.into_template(&template).map_err(&convert)?;
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(family) && other != name && entry.path().is_dir() {
            // A process that is copying it fails, and creates its own template again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Returns the path of the template `name`, which may not exist.
pub(crate) fn path(server: &PgliteMarker, name: &str) -> PathBuf {
    template_folder(server).join(name)
}

/// Returns the folder of this server's templates. Another build of PGlite may not be able to read their data.
fn template_folder(server: &PgliteMarker) -> PathBuf {
    let build = server.program.ancestors().nth(2).and_then(Path::file_name);
    server
        .folder
        .join("templates")
        .join(build.unwrap_or_default())
}

fn lock(folder: &Path, family: &str) -> Result<File, EmbeddedError> {
    fs::create_dir_all(folder).map_err(EmbeddedError::at(folder))?;
    let path = folder.join(format!("{family}.lock"));
    let lock = File::create(&path).map_err(EmbeddedError::at(&path))?;
    lock.lock().map_err(EmbeddedError::at(&path))?;
    Ok(lock)
}
