use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// A folder that is filled beside its place, in `.my-app.partial` for `my-app`, and appears there when it is complete.
///
/// Dropped before that, it is removed with everything in it. What a killed run has left, the next one removes.
pub(crate) struct NewFolder {
    place: PathBuf,
    /// What the folder to fill lies in. It is locked, so that another run can tell one in use from one that was left;
    /// the folder itself is not, since generators lock that.
    partial: PathBuf,
    staged: PathBuf,
    /// The folders above that were missing, from the top.
    parents: Vec<PathBuf>,
    _lock: File,
}

impl NewFolder {
    /// # Errors
    ///
    /// When the folder cannot be created, or another run is at it.
    pub(crate) fn begin(place: &Path) -> Result<Self> {
        let failed = || format!("failed to create {}", place.display());
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            bail!("{}: it has no folder above; choose another", failed());
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
            Err(TryLockError::WouldBlock) => bail!(
                "{}: another run is creating it just now; wait for that, or choose another folder",
                failed()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        let staged = partial.join(name);
        let this = Self {
            place: place.to_owned(),
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

    /// The folder to fill.
    pub(crate) fn staged(&self) -> &Path {
        &self.staged
    }

    /// Puts it in its place.
    ///
    /// # Errors
    ///
    /// When something came to be there meanwhile, or it cannot be renamed.
    pub(crate) fn commit(self) -> Result<()> {
        let failed = || format!("failed to create {}", self.place.display());
        // A rename would replace an empty folder.
        ensure!(
            fs::symlink_metadata(&self.place).is_err(),
            "{}: it is there already; choose another folder",
            failed()
        );
        fs::rename(&self.staged, &self.place).with_context(failed)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.partial);
        // Those that hold the new folder by now stay.
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
    fn it_appears_complete_or_not_at_all() {
        let root = TempDir::new().unwrap();
        let place = root.path().join("a/b/new");
        let folder = NewFolder::begin(&place).unwrap();
        fs::write(folder.staged().join("file"), "text").unwrap();
        drop(folder);
        assert!(!root.path().join("a").exists());

        let folder = NewFolder::begin(&place).unwrap();
        fs::write(folder.staged().join("file"), "text").unwrap();
        assert!(!place.exists());
        folder.commit().unwrap();
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "text");
        let left = fs::read_dir(place.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1);
    }

    #[test]
    fn one_run_at_a_time_and_what_a_killed_one_left_is_removed() {
        let root = TempDir::new().unwrap();
        let place = root.path().join("new");
        fs::create_dir_all(root.path().join(".new.partial/new/old")).unwrap();
        let folder = NewFolder::begin(&place).unwrap();
        assert_eq!(fs::read_dir(folder.staged()).unwrap().count(), 0);
        let second = NewFolder::begin(&place).err().unwrap().to_string();
        assert!(second.contains("another run is creating it"), "{second}");
        fs::create_dir(&place).unwrap();
        let error = folder.commit().unwrap_err().to_string();
        assert!(error.contains("it is there already"), "{error}");
        assert!(!root.path().join(".new.partial").exists());
    }
}
