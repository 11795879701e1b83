//! The folder whose database is meant.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Why no workspace is found.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no current folder.
    #[error(
        "failed to find the workspace: the current folder is not accessible: {0}; change to another"
    )]
    CurrentFolder(io::Error),
    /// Neither the folder nor one above it is a Cargo workspace.
    #[error("failed to find the workspace: neither {} nor a folder above it has a Cargo.toml with [workspace]; change to the workspace's folder", from.display())]
    NotFound {
        /// Where the search began.
        from: PathBuf,
    },
}

/// The root of the Cargo workspace that this process works for: the nearest above the package that Cargo
/// runs (`cargo test`, `cargo run`), else above the current folder.
///
/// # Errors
/// When there is none.
pub fn workspace_root() -> Result<PathBuf, WorkspaceError> {
    let from = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => package.into(),
        None => env::current_dir().map_err(WorkspaceError::CurrentFolder)?,
    };
    root_above(&from).ok_or(WorkspaceError::NotFound { from })
}

fn root_above(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .find(|folder| is_root(folder))
        .map(Path::to_owned)
}

fn is_root(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| {
        manifest
            .lines()
            .map(str::trim_start)
            .any(|line| line.starts_with("[workspace]") || line.starts_with("[workspace."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_the_nearest_folder_above_whose_manifest_has_one() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("plugins/one");
        fs::create_dir_all(&package).unwrap();
        fs::write(
            root.path().join("Cargo.toml"),
            "[workspace]\nmembers = []\n",
        )
        .unwrap();
        fs::write(
            package.join("Cargo.toml"),
            "[package]\nversion.workspace = true\n",
        )
        .unwrap();
        assert_eq!(root_above(&package).as_deref(), Some(root.path()));
        assert_eq!(root_above(Path::new("/nowhere/at/all")), None);
    }
}
