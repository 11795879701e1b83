use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry};
use sha2::{Digest, Sha256};

use crate::helper_error::HelperError;

/// The name of a helper's manifest. `cargo package` would leave out a folder with a `Cargo.toml`.
pub(crate) const MANIFEST: &str = "helper.toml";

/// The sources of a helper: a manifest `helper.toml`, a `Cargo.lock` and `src`.
///
/// They are part of the program that needs the helper. A path would be wrong after the workspace was moved, or where two
/// workspaces share a target folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HelperSources {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl HelperSources {
    pub(crate) fn new(folder: &Dir<'_>) -> Self {
        let mut files = BTreeMap::new();
        collect(folder, &mut files);
        Self { files }
    }

    /// Writes the sources into a folder, with the manifest renamed to `Cargo.toml`.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<(), HelperError> {
        for (path, contents) in &self.files {
            let path = folder.join(if path == Path::new(MANIFEST) {
                Path::new("Cargo.toml")
            } else {
                path
            });
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(HelperError::in_cache(parent))?;
            fs::write(&path, contents).map_err(HelperError::in_cache(&path))?;
        }
        Ok(())
    }

    /// Returns a hex digest of the sources and the platform: machines of several platforms may share a home folder.
    pub(crate) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{} {}\n", env::consts::OS, env::consts::ARCH));
        for (path, contents) in &self.files {
            digest.update(format!("{} {}\n", path.display(), contents.len()));
            digest.update(contents);
        }
        base16ct::lower::encode_string(&digest.finalize()[..8])
    }
}

fn collect(folder: &Dir<'_>, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => {
                files.insert(file.path().to_owned(), file.contents().to_vec());
            }
        }
    }
}

#[cfg(test)]
impl FromIterator<(&'static str, String)> for HelperSources {
    fn from_iter<I: IntoIterator<Item = (&'static str, String)>>(files: I) -> Self {
        Self {
            files: files
                .into_iter()
                .map(|(path, contents)| (path.into(), contents.into_bytes()))
                .collect(),
        }
    }
}
