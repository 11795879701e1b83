use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// Files and folders that are written completely before they are renamed to their paths.
///
/// They are in `.watertight/staging`, because Cargo takes every folder in the plugins' folder for a member. A file whose
/// path is on another file system is staged beside that path. The files that a killed run leaves behind in
/// `.watertight/staging` are removed by the next one.
pub(super) struct Staging {
    folder: PathBuf,
    /// For each folder, whether a file of the staging folder can be renamed into it.
    reachable: BTreeMap<PathBuf, bool>,
    /// The files that are staged outside of the staging folder.
    elsewhere: Vec<PathBuf>,
    count: usize,
}

impl Staging {
    /// Returns the staging folder of a workspace.
    pub(super) fn folder(root: &Path) -> PathBuf {
        root.join(".watertight/staging")
    }

    /// Creates an empty staging folder. Its parent exists.
    pub(super) fn new(root: &Path) -> Result<Self> {
        let folder = Self::folder(root);
        let failed = || "failed to write in .watertight";
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(failed)?;
        }
        fs::create_dir(&folder).with_context(failed)?;
        Ok(Self {
            folder,
            reachable: BTreeMap::new(),
            elsewhere: Vec::new(),
            count: 0,
        })
    }

    /// Returns the path of a folder that can be staged.
    pub(super) fn new_folder(&self) -> PathBuf {
        self.folder.join("new")
    }

    /// Writes a file that can be renamed to `path`, with the owner and the permissions of the file there.
    pub(super) fn write(&mut self, path: &Path, contents: &[u8]) -> io::Result<PathBuf> {
        let staged = self.path_for(path)?;
        let mut file = File::create(&staged)?;
        file.write_all(contents)?;
        if let Ok(replaced) = fs::metadata(path) {
            // Only root can change the owner, and other users own the new file already.
            let _ = chown(&staged, Some(replaced.uid()), Some(replaced.gid()));
            file.set_permissions(replaced.permissions())?;
        }
        file.sync_all()?;
        Ok(staged)
    }

    fn path_for(&mut self, path: &Path) -> io::Result<PathBuf> {
        let parent = path.parent().unwrap_or(path);
        if !self.reachable.contains_key(parent) {
            let reachable = can_rename(&self.folder, parent)?;
            self.reachable.insert(parent.to_owned(), reachable);
        }
        self.count += 1;
        if self.reachable[parent] {
            return Ok(self.folder.join(self.count.to_string()));
        }
        let staged = parent.join(format!(".watertight-staging-{}", self.count));
        self.elsewhere.push(staged.clone());
        Ok(staged)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        for staged in &self.elsewhere {
            let _ = fs::remove_file(staged);
        }
    }
}

/// Returns whether a file can be renamed from one folder into another. Two mounts of one file system look the same
/// but do not allow it, so it is tried.
fn can_rename(from: &Path, to: &Path) -> io::Result<bool> {
    let probe = from.join("probe");
    File::create(&probe)?;
    let renamed = to.join(".watertight-staging-probe");
    match fs::rename(&probe, &renamed) {
        Ok(()) => fs::remove_file(renamed).map(|()| true),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames a staged folder to its path. To another file system it is copied beside the path first.
pub(super) fn rename_folder(staged: &Path, path: &Path) -> io::Result<()> {
    match fs::rename(staged, path) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
        renamed => return renamed,
    }
    let beside = path.with_file_name(".watertight-staging");
    if beside.exists() {
        fs::remove_dir_all(&beside)?;
    }
    let renamed = copy_folder(staged, &beside).and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    renamed
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(relative);
        if entry.file_type().is_dir() {
            fs::create_dir(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}
