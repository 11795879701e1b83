use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::helper_error::HelperError;

/// The name of a helper's manifest. `cargo package` would leave out a folder with a `Cargo.toml`.
pub(crate) const MANIFEST: &str = "helper.toml";

/// The sources of a helper: a manifest `helper.toml`, a `Cargo.lock` and `src`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HelperSources {
    /// The name of the helper.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

impl HelperSources {
    /// Copies the sources into a folder, with the manifest renamed to `Cargo.toml`.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<(), HelperError> {
        for file in self.files()? {
            let path = match file.strip_prefix(&self.folder) {
                Ok(path) if path == Path::new(MANIFEST) => Path::new("Cargo.toml"),
                Ok(path) => path,
                Err(_) => &file,
            };
            let copy = folder.join(path);
            let parent = copy.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(HelperError::in_cache(parent))?;
            let contents = fs::read(&file).map_err(self.unreadable())?;
            fs::write(&copy, contents).map_err(HelperError::in_cache(&copy))?;
        }
        Ok(())
    }

    /// Returns a hex digest of the sources and the platform: machines of several platforms may share a home folder.
    pub(crate) fn fingerprint(&self) -> Result<String, HelperError> {
        let mut digest = Sha256::new();
        digest.update(format!("{} {}\n", env::consts::OS, env::consts::ARCH));
        for file in self.files()? {
            let contents = fs::read(&file).map_err(self.unreadable())?;
            let path = file.strip_prefix(&self.folder).unwrap_or(&file);
            digest.update(format!("{} {}\n", path.display(), contents.len()));
            digest.update(contents);
        }
        Ok(base16ct::lower::encode_string(&digest.finalize()[..8]))
    }

    fn files(&self) -> Result<Vec<PathBuf>, HelperError> {
        let manifests = ["Cargo.lock", MANIFEST].map(|name| self.folder.join(name));
        let mut files = manifests.to_vec();
        for entry in WalkDir::new(self.folder.join("src")).sort_by_file_name() {
            // The error of walkdir prints its source.
            let entry = entry.map_err(|error| match error.into_io_error() {
                Some(error) => self.unreadable()(error),
                None => self.unreadable()(io::Error::other("symbolic links form a cycle")),
            })?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        Ok(files)
    }

    fn unreadable(&self) -> impl Fn(io::Error) -> HelperError {
        |source| HelperError::Sources {
            name: self.name.clone(),
            folder: self.folder.clone(),
            source,
        }
    }
}
