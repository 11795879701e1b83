use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::staging::Staging;
use crate::output::hint::hinted;

/// The contents of a file before it is changed, in a staged copy: restoring it needs no space on the disk.
pub(super) struct Original {
    /// The path with symbolic links resolved: the file that a link points to is replaced, not the link.
    pub(super) path: PathBuf,
    contents: Option<Vec<u8>>,
    copy: Option<PathBuf>,
}

impl Original {
    pub(super) fn read(path: &Path, staging: &mut Staging) -> Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let contents = match fs::read(&path) {
            Ok(contents) => contents,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    contents: None,
                    copy: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        ensure!(
            !fs::metadata(&path)?.permissions().readonly(),
            hinted(
                "it is read-only",
                "make it writable and run the command again"
            )
        );
        let copy = staging.write(&path, &contents)?;
        Ok(Self {
            path,
            contents: Some(contents),
            copy: Some(copy),
        })
    }

    pub(super) fn is(&self, contents: Option<&str>) -> bool {
        self.contents.as_deref() == contents.map(str::as_bytes)
    }

    fn restore(&self) -> io::Result<()> {
        if let Some(copy) = &self.copy {
            return fs::rename(copy, &self.path);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What has been changed so far, and how to undo it.
#[derive(Default)]
pub(super) struct Undo {
    parents: Vec<PathBuf>,
    pub(super) new_folder: Option<PathBuf>,
    pub(super) originals: Vec<Original>,
}

impl Undo {
    /// Creates the parent folder of `path` and those above it, and records those that were missing.
    pub(super) fn create_parent(&mut self, path: &Path) -> Result<()> {
        let parent = path
            .parent()
            .context("failed to find the parent of the root folder")?;
        let missing: Vec<&Path> = parent
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)
                .with_context(|| format!("failed to create {}", folder.display()))?;
            self.parents.push(folder.to_owned());
        }
        Ok(())
    }

    /// Undoes all changes. Returns those that could not be undone, with the reason.
    pub(super) fn undo(self, staging: Staging) -> Vec<String> {
        let mut left = Vec::new();
        let mut record = |path: &Path, undone: io::Result<()>| {
            if let Err(error) = undone {
                left.push(format!("{}: {error}", path.display()));
            }
        };
        for original in self.originals.iter().rev() {
            record(&original.path, original.restore());
        }
        if let Some(folder) = self.new_folder {
            record(&folder, fs::remove_dir_all(&folder));
        }
        drop(staging);
        for parent in self.parents.iter().rev() {
            record(parent, fs::remove_dir(parent));
        }
        left
    }
}
