use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use similar::TextDiff;

/// The changes that a generator is about to make to files: the same value is shown, printed as JSON or applied.
///
/// Paths are relative to the workspace's root.
#[derive(Debug, Default)]
pub(crate) struct FilePlan {
    /// All changes, in the order in which they are applied.
    pub(crate) changes: Vec<FileChange>,
    /// A folder that must not exist yet. It appears with all its files at once, before the other changes.
    pub(crate) new_folder: Option<PathBuf>,
    /// What the user should know about the plan.
    pub(crate) notes: Vec<String>,
}

/// A file that is created, edited or removed.
#[derive(Debug)]
pub(crate) struct FileChange {
    pub(crate) path: PathBuf,
    /// The contents before, or `None` for a file that is created.
    pub(crate) before: Option<String>,
    /// The contents afterwards, or `None` for a file that is removed.
    pub(crate) after: Option<String>,
}

/// A file of a new folder.
#[derive(Debug)]
pub(crate) struct NewFile {
    /// The path relative to the folder.
    pub(crate) path: PathBuf,
    pub(crate) contents: String,
}

impl FilePlan {
    /// Returns a plan that creates one folder.
    pub(crate) fn create_folder(folder: PathBuf, files: Vec<NewFile>) -> Self {
        let changes = files.into_iter().map(|file| FileChange {
            path: folder.join(file.path),
            before: None,
            after: Some(file.contents),
        });
        Self {
            changes: changes.collect(),
            new_folder: Some(folder),
            notes: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Plans to write `after`, unless the file has these contents already.
    pub(crate) fn write(&mut self, path: PathBuf, before: Option<String>, after: String) {
        if before.as_ref() != Some(&after) {
            self.changes.push(FileChange {
                path,
                before,
                after: Some(after),
            });
        }
    }

    /// Plans to remove a file. A folder that this leaves empty is removed too.
    pub(crate) fn remove(&mut self, path: PathBuf, before: String) {
        self.changes.push(FileChange {
            path,
            before: Some(before),
            after: None,
        });
    }

    /// Returns whether the new folder contains this path.
    pub(crate) fn creates_folder_of(&self, path: &Path) -> bool {
        let folder = self.new_folder.as_ref();
        folder.is_some_and(|folder| path.starts_with(folder))
    }

    /// Returns the contents of a file of the new folder, by its path relative to the folder.
    pub(crate) fn new_file(&self, path: &str) -> Option<&str> {
        let path = self.new_folder.as_ref()?.join(path);
        let change = self.changes.iter().find(|change| change.path == path)?;
        change.after.as_deref()
    }

    /// Returns one line per file, with what happens to it.
    pub(crate) fn list(&self) -> String {
        let mut lines = String::new();
        for change in &self.changes {
            let _ = writeln!(lines, "  {:<6} {}", change.action(), change.path.display());
        }
        lines
    }

    /// Returns unified diffs of the files outside of the new folder.
    pub(crate) fn diffs(&self) -> String {
        let mut diffs = String::new();
        let changes = self.changes.iter();
        for change in changes.filter(|change| !self.creates_folder_of(&change.path)) {
            let before = change.before.as_deref().unwrap_or_default();
            let after = change.after.as_deref().unwrap_or_default();
            let path = change.path.display().to_string();
            let diff = TextDiff::from_lines(before, after);
            let _ = write!(diffs, "\n{}", diff.unified_diff().header(&path, &path));
        }
        diffs
    }

    /// Returns the changes as a JSON array.
    pub(crate) fn to_json(&self) -> Value {
        let changes = self.changes.iter().map(|change| {
            json!({
                "action": change.action(),
                "path": change.path.display().to_string(),
                "content": change.after,
            })
        });
        changes.collect()
    }
}

impl FileChange {
    fn action(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "create",
            (Some(_), Some(_)) => "edit",
            (Some(_), None) => "remove",
        }
    }
}
