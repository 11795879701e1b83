use std::env;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// Returns a hex digest of a package's sources and the platform: machines of several platforms may share a home folder.
pub(crate) fn fingerprint(sources: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    digest.update(format!("{} {}\n", env::consts::OS, env::consts::ARCH));
    let manifests = ["Cargo.lock", "Cargo.toml"].map(|name| sources.join(name));
    let mut files = manifests.to_vec();
    for entry in WalkDir::new(sources.join("src")).sort_by_file_name() {
        // The error of walkdir would print its source.
        let entry = entry.map_err(|error| match error.into_io_error() {
            Some(error) => error,
            None => io::Error::other("it has a cycle of symbolic links"),
        })?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    for file in files {
        let contents = fs::read(&file)?;
        let path = file.strip_prefix(sources).unwrap_or(&file);
        digest.update(format!("{} {}\n", path.display(), contents.len()));
        digest.update(contents);
    }
    let [a, b, c, d, e, f, g, h, ..] = digest.finalize().0;
    let start = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    Ok(format!("{start:016x}"))
}
