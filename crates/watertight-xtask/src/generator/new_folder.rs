use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::output::hint::hinted;

/// A folder that is filled in `.my-app.partial` and renamed to `my-app` when it is complete.
///
/// When it is dropped before that, it is removed with everything in it. The next run removes what a killed run has left.
pub(crate) struct NewFolder {
    path: PathBuf,
    /// The folder that holds the one to fill. Its lock shows whether another run uses it. The folder to fill is not
    /// locked, because generators lock it.
    partial: PathBuf,
    staged: PathBuf,
    /// The missing folders above, from the top.
    parents: Vec<PathBuf>,
    _lock: File,
}

impl NewFolder {
    /// Creates an empty folder to fill.
    ///
    /// # Errors
    ///
    /// When it cannot be created, or another run is filling it.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let failed = || format!("failed to create {}", path.display());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            bail!(hinted(
                format!("{}: it has no parent folder", failed()),
                "choose another folder"
            ));
        };
        let missing: Vec<&Path> = parent
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        let parents: Vec<PathBuf> = missing.into_iter().rev().map(Path::to_owned).collect();
        fs::create_dir_all(parent).with_context(failed)?;
        let partial = parent.join(format!(".{}.partial", name.display()));
        if let Err(error) = fs::create_dir(&partial)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error).with_context(failed);
        }
        let lock = File::open(&partial).with_context(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(hinted(
                format!("{}: another run is creating it", failed()),
                "wait for that run, or choose another folder"
            )),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        let staged = partial.join(name);
        let this = Self {
            path: path.to_owned(),
            partial,
            staged,
            parents,
            _lock: lock,
        };
        if this.staged.exists() {
            fs::remove_dir_all(&this.staged).with_context(failed)?;
        }
        fs::create_dir(&this.staged).with_context(failed)?;
        Ok(this)
    }

    /// Returns the folder to fill.
    pub(crate) fn staged(&self) -> &Path {
        &self.staged
    }

    /// Renames the folder to its path.
    ///
    /// # Errors
    ///
    /// When the path exists by now, or the folder cannot be renamed.
    pub(crate) fn commit(self) -> Result<()> {
        let failed = || format!("failed to create {}", self.path.display());
        // A rename would replace an empty folder.
        ensure!(
            fs::symlink_metadata(&self.path).is_err(),
            hinted(
                format!("{}: it exists already", failed()),
                "choose another folder"
            )
        );
        fs::rename(&self.staged, &self.path).with_context(failed)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.partial);
        // Those that contain the new folder are not empty, and stay.
        for parent in self.parents.iter().rev() {
            let _ = fs::remove_dir(parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_folder_appears_complete_or_not_at_all() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("a/b/new");
        let folder = NewFolder::begin(&path).unwrap();
        fs::write(folder.staged().join("file"), "text").unwrap();
        drop(folder);
        assert!(!root.path().join("a").exists());

        let folder = NewFolder::begin(&path).unwrap();
        fs::write(folder.staged().join("file"), "text").unwrap();
        assert!(!path.exists());
        folder.commit().unwrap();
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1);
    }

    #[test]
    fn only_one_run_fills_a_folder_and_it_removes_what_a_killed_run_left() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("new");
        fs::create_dir_all(root.path().join(".new.partial/new/old")).unwrap();
        let folder = NewFolder::begin(&path).unwrap();
        assert_eq!(fs::read_dir(folder.staged()).unwrap().count(), 0);
        let second = NewFolder::begin(&path).err().unwrap().to_string();
        assert!(second.contains("another run is creating it"), "{second}");
        fs::create_dir(&path).unwrap();
        let error = folder.commit().unwrap_err().to_string();
        assert!(error.contains("it exists already"), "{error}");
        assert!(!root.path().join(".new.partial").exists());
    }
}
