use std::path::{Path, PathBuf};
use std::{env, fs, io};

use watertight_diagnostics::Diagnostic;

/// Why no workspace was found.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The current folder is not accessible.
    #[error("failed to find the workspace: the current folder is not accessible")]
    CurrentFolder(#[source] io::Error),
    /// Neither the folder nor one of its parents is the root of a Cargo workspace.
    #[error("failed to find the workspace: neither {} nor a parent folder has a Cargo.toml with [workspace]", from.display())]
    NotFound {
        /// The folder where the search began.
        from: PathBuf,
    },
}

impl Diagnostic for WorkspaceError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::CurrentFolder(_) => "change to an accessible folder",
            Self::NotFound { .. } => "change to the workspace's folder",
        };
        Some(hint.to_owned())
    }
}

/// Returns the root of the Cargo workspace that this process works for: the nearest one above the package that Cargo
/// runs (`cargo test`, `cargo run`), or else above the current folder.
///
/// # Errors
/// When there is no workspace.
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
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| has_workspace(&manifest))
}

/// A server in production should not need a TOML parser for this: a table `workspace`, or a key before the first table.
fn has_workspace(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim_start);
    let is_header = |line: &str| line.starts_with("[workspace]") || line.starts_with("[workspace.");
    let is_key = |line: &str| line.starts_with("workspace.") || line.starts_with("workspace =");
    lines.clone().any(is_header)
        || lines
            .by_ref()
            .take_while(|line| !line.starts_with('['))
            .any(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_the_nearest_parent_folder_with_a_workspace_manifest() {
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

    #[test]
    fn a_workspace_may_be_written_as_a_table_or_as_keys() {
        for manifest in [
            "[package]\n[workspace]\n",
            "[workspace.package]\n",
            "workspace = { members = [] }\n",
            "workspace.members = []\n",
        ] {
            assert!(has_workspace(manifest), "{manifest}");
        }
        for manifest in [
            "[package]\nworkspace = \"..\"\n",
            "[package]\nversion.workspace = true\n",
        ] {
            assert!(!has_workspace(manifest), "{manifest}");
        }
    }
}
