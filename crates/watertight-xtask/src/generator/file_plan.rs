use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use similar::TextDiff;

/// What a generator will do, before it does anything: shown, printed or applied, always the same value.
///
/// Paths are relative to the workspace's root.
#[derive(Debug, Default)]
pub(crate) struct FilePlan {
    /// A folder that is not there yet.
    pub(crate) folder: Option<NewFolder>,
    /// Files that get another content, in the order in which they are replaced.
    pub(crate) edits: Vec<Edit>,
    /// Files that go. A folder that this leaves empty goes too.
    pub(crate) removals: Vec<Removal>,
    /// What the user should know about the plan.
    pub(crate) notes: Vec<String>,
}

/// A folder that appears with all its files at once.
#[derive(Debug)]
pub(crate) struct NewFolder {
    pub(crate) path: PathBuf,
    pub(crate) files: Vec<NewFile>,
}

/// A file of a [`NewFolder`].
#[derive(Debug)]
pub(crate) struct NewFile {
    /// Relative to the folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Another content for one file.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) path: PathBuf,
    /// None where the file is not there yet.
    pub(crate) before: Option<String>,
    pub(crate) after: String,
}

/// A file that goes.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) path: PathBuf,
    pub(crate) before: String,
}

impl FilePlan {
    pub(crate) fn is_empty(&self) -> bool {
        self.folder.is_none() && self.edits.is_empty() && self.removals.is_empty()
    }

    /// The text of a file in the new folder, by its path in it.
    pub(crate) fn new_file(&self, path: &str) -> Option<&str> {
        let files = &self.folder.as_ref()?.files;
        let file = files.iter().find(|file| file.path == Path::new(path))?;
        Some(&file.text)
    }

    /// Adds an edit, unless it changes nothing.
    pub(crate) fn edit(&mut self, path: PathBuf, before: Option<String>, after: String) {
        if before.as_ref() != Some(&after) {
            self.edits.push(Edit {
                path,
                before,
                after,
            });
        }
    }

    /// The files that are created, then those that are edited, then those that are removed, one a line.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        let removed = self
            .removals
            .iter()
            .map(|removal| ("remove", &removal.path));
        let written: Vec<_> = self.files().collect();
        let written = written.iter().map(|(action, path, _)| (*action, path));
        for (action, path) in written.chain(removed) {
            writeln!(text, "  {action:<6} {}", path.display()).expect("a String takes any text");
        }
        text
    }

    /// The edits as unified diffs.
    pub(crate) fn diffs(&self) -> String {
        let mut text = String::new();
        for edit in &self.edits {
            let before = edit.before.as_deref().unwrap_or_default();
            let path = edit.path.display().to_string();
            let diff = TextDiff::from_lines(before, edit.after.as_str());
            write!(text, "\n{}", diff.unified_diff().header(&path, &path))
                .expect("a String takes any text");
        }
        text
    }

    /// The files with their new content, for programs.
    pub(crate) fn json(&self) -> Value {
        self.files()
            .map(|(action, path, content)| {
                json!({ "action": action, "path": path.display().to_string(), "content": content })
            })
            .collect()
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, PathBuf, &str)> {
        let created = self.folder.iter().flat_map(|folder| {
            folder
                .files
                .iter()
                .map(|file| ("create", folder.path.join(&file.path), file.text.as_str()))
        });
        let edited = self.edits.iter().map(|edit| {
            let action = if edit.before.is_some() {
                "edit"
            } else {
                "create"
            };
            (action, edit.path.clone(), edit.after.as_str())
        });
        created.chain(edited)
    }
}
