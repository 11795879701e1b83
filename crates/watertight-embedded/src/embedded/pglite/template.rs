//! Data that instances begin with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::instance::{Instance, template_folder};
use crate::MaintenanceError;
use crate::embedded::EmbeddedError;
use crate::embedded::home::in_folder;
use watertight_connection::DatabaseUrl;
use watertight_connection::PgliteMarker;

/// Makes the template `name` unless it is there, as an instance called `unfinished` that `fill` gets, and removes those
/// whose names begin with `family`. Others who need it at the same time wait for it.
pub(crate) fn ensure<E: From<MaintenanceError>>(
    server: &PgliteMarker,
    name: &str,
    family: &str,
    unfinished: &str,
    fill: impl FnOnce(&DatabaseUrl) -> Result<(), E>,
) -> Result<(), E> {
    let folder = template_folder(server);
    let _lock = lock(&folder, family).map_err(MaintenanceError::from)?;
    let template = folder.join(name);
    if template.exists() {
        return Ok(());
    }
    let instance = Instance::start(server, unfinished, None).map_err(MaintenanceError::from)?;
    fill(&instance.url())?;
    instance
        .into_template(&template)
        .map_err(MaintenanceError::from)?;
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let older = entry.file_name().to_string_lossy().into_owned();
        if older.starts_with(family) && older != name && entry.path().is_dir() {
            // Whoever copies it right now fails, and makes its own anew.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Where the template `name` is, if it is there.
pub(crate) fn path(server: &PgliteMarker, name: &str) -> PathBuf {
    template_folder(server).join(name)
}

fn lock(folder: &Path, family: &str) -> Result<File, EmbeddedError> {
    fs::create_dir_all(folder).map_err(in_folder(folder))?;
    let path = folder.join(format!("{family}.lock"));
    let lock = File::create(&path).map_err(in_folder(&path))?;
    lock.lock().map_err(in_folder(&path))?;
    Ok(lock)
}
