use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Locks the workspace against other generators until the returned file is dropped.
///
/// # Errors
///
/// When the root folder cannot be opened or locked.
pub(crate) fn lock(root: &Path) -> Result<File> {
    let failed = || format!("failed to lock {}", root.display());
    let folder = File::open(root).with_context(failed)?;
    folder.lock().with_context(failed)?;
    Ok(folder)
}
