//! Applies a [`FilePlan`]: all of it, or nothing.

mod held_signals;
mod lock;
mod staging;
mod undo;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

pub(crate) use held_signals::HeldSignals;
pub(crate) use lock::lock;
use staging::Staging;
use undo::{Original, Undo};

use crate::generator::file_plan::{FileChange, FilePlan};
use crate::output::hint::{Hint as _, hinted};

/// Applies all changes of a plan, or none.
///
/// Every file is written to a staging folder first, which detects a full disk before anything has changed. Then the
/// files are renamed to their paths, and `check` runs. When one of these fails, everything is restored. Signals that
/// would end the process are held back until then.
///
/// `check` may change the files `also`, which are restored too.
///
/// The caller holds the [`lock`].
///
/// # Errors
///
/// The first failure. When something could not be restored, the error lists it.
pub(crate) fn apply(
    root: &Path,
    plan: &FilePlan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _signals = HeldSignals::new();
    let mut undo = Undo::default();
    undo.create_parent(&Staging::folder(root))?;
    let mut staging = Staging::new(root)?;
    let Err(error) = stage_and_commit(root, plan, also, check, &mut staging, &mut undo) else {
        return Ok(());
    };
    let left = undo.undo(staging);
    if left.is_empty() {
        return Err(error);
    }
    Err(error)
        .with_context(|| format!("failed to restore everything ({})", left.join(", ")))
        .hint("look at the changes that are left with `git status`")
}

fn stage_and_commit(
    root: &Path,
    plan: &FilePlan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
    staging: &mut Staging,
    undo: &mut Undo,
) -> Result<()> {
    let folder = match &plan.new_folder {
        Some(folder) => Some(StagedFolder::stage(root, folder, plan, staging, undo)?),
        None => None,
    };
    let mut staged = Vec::new();
    for change in &plan.changes {
        if !plan.creates_folder_of(&change.path) {
            staged.push(StagedChange::stage(root, change, staging, undo)?);
        }
    }
    let mut originals = Vec::new();
    for path in also {
        let failed = || format!("failed to change {}", path.display());
        originals.push(Original::read(&root.join(path), staging).with_context(failed)?);
    }

    if let Some(folder) = folder {
        folder.commit(undo)?;
    }
    for change in staged {
        change.commit(undo)?;
    }
    undo.originals.extend(originals);
    check()?;
    remove_empty_folders(root, plan);
    Ok(())
}

/// Removes the folders whose files are all removed. An empty folder that cannot be removed does no harm.
fn remove_empty_folders(root: &Path, plan: &FilePlan) {
    for change in plan.changes.iter().filter(|change| change.after.is_none()) {
        for folder in change.path.ancestors().skip(1) {
            if folder.as_os_str().is_empty() || fs::remove_dir(root.join(folder)).is_err() {
                break;
            }
        }
    }
}

/// A new folder that is complete but not at its path yet.
struct StagedFolder {
    staged: PathBuf,
    path: PathBuf,
    relative: PathBuf,
}

impl StagedFolder {
    fn stage(
        root: &Path,
        folder: &Path,
        plan: &FilePlan,
        staging: &Staging,
        undo: &mut Undo,
    ) -> Result<Self> {
        let staged = staging.new_folder();
        for change in &plan.changes {
            let Ok(relative) = change.path.strip_prefix(folder) else {
                continue;
            };
            let path = staged.join(relative);
            let parent = path.parent().unwrap_or(&staged);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, change.after.as_deref().unwrap_or_default()))
                .with_context(|| format!("failed to write {}", change.path.display()))?;
        }
        let path = root.join(folder);
        undo.create_parent(&path)?;
        Ok(Self {
            staged,
            path,
            relative: folder.to_owned(),
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let failed = || format!("failed to create {}", self.relative.display());
        // `rename` would replace an empty folder.
        ensure!(
            fs::symlink_metadata(&self.path).is_err(),
            hinted(
                format!("{}: it exists already", failed()),
                "run the command again"
            )
        );
        staging::rename_folder(&self.staged, &self.path).with_context(failed)?;
        undo.new_folder = Some(self.path);
        Ok(())
    }
}

/// A change of one file whose new contents are staged.
struct StagedChange {
    original: Original,
    /// The staged file, or `None` when the file is removed.
    staged: Option<PathBuf>,
    relative: PathBuf,
}

impl StagedChange {
    fn stage(
        root: &Path,
        change: &FileChange,
        staging: &mut Staging,
        undo: &mut Undo,
    ) -> Result<Self> {
        let path = root.join(&change.path);
        let failed = || {
            let action = if change.after.is_some() {
                "change"
            } else {
                "remove"
            };
            format!("failed to {action} {}", change.path.display())
        };
        undo.create_parent(&path)?;
        let original = Original::read(&path, staging).with_context(failed)?;
        if !original.is(change.before.as_deref()) {
            let changed = Err(anyhow!("it has changed in the meantime").context(failed()));
            return changed.hint("run the command again");
        }
        let staged = match &change.after {
            Some(contents) => {
                let staged = staging.write(&original.path, contents.as_bytes());
                Some(staged.with_context(failed)?)
            }
            None => None,
        };
        Ok(Self {
            original,
            staged,
            relative: change.path.clone(),
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let path = &self.original.path;
        let (action, done) = match &self.staged {
            Some(staged) => ("replace", fs::rename(staged, path)),
            None => ("remove", fs::remove_file(path)),
        };
        done.with_context(|| format!("failed to {action} {}", self.relative.display()))?;
        undo.originals.push(self.original);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;
    use tempfile::TempDir;

    use super::*;
    use crate::generator::file_plan::NewFile;
    use crate::output::command_error::CommandError;

    /// A root with the file `old`, and a plan that changes it and creates `deep/new/file`.
    fn root_and_plan() -> (TempDir, FilePlan) {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("old"), "before").unwrap();
        let file = NewFile {
            path: "file".into(),
            contents: "text".to_owned(),
        };
        let mut plan = FilePlan::create_folder("deep/new".into(), vec![file]);
        plan.write("old".into(), Some("before".to_owned()), "after".to_owned());
        (root, plan)
    }

    #[track_caller]
    fn assert_unchanged(root: &Path) {
        let names: Vec<_> = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["old"]);
        assert_eq!(fs::read_to_string(root.join("old")).unwrap(), "before");
    }

    #[test]
    fn all_changes_are_applied() {
        let (root, plan) = root_and_plan();
        apply(root.path(), &plan, &[], || Ok(())).unwrap();
        let read = |path| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read("old"), "after");
        assert_eq!(read("deep/new/file"), "text");
        assert!(!root.path().join(".watertight/staging").exists());
    }

    #[test]
    fn a_removed_file_takes_its_empty_folders_along_or_is_restored() {
        let root = TempDir::new().unwrap();
        let file = root.path().join("a/b/file");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "text").unwrap();
        let mut plan = FilePlan::default();
        plan.remove("a/b/file".into(), "text".to_owned());
        apply(root.path(), &plan, &[], || bail!("no")).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        apply(root.path(), &plan, &[], || Ok(())).unwrap();
        assert!(!root.path().join("a").exists());
    }

    #[test]
    fn a_failed_check_undoes_everything_and_its_own_changes() {
        let (root, plan) = root_and_plan();
        let error = apply(root.path(), &plan, &[Path::new("lock")], || {
            fs::write(root.path().join("lock"), "locked").unwrap();
            bail!("no")
        });
        assert_eq!(error.unwrap_err().to_string(), "no");
        assert_unchanged(root.path());
    }

    #[test]
    fn a_failed_rename_undoes_those_before_it() {
        let (root, mut plan) = root_and_plan();
        // The second file makes the first one a folder.
        plan.write("a".into(), None, String::new());
        plan.write("a/b".into(), None, String::new());
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "failed to replace a");
        assert_unchanged(root.path());
    }

    #[test]
    fn a_file_that_changed_since_it_was_planned_is_left_alone() {
        let (root, mut plan) = root_and_plan();
        plan.changes[1].before = Some("long ago".to_owned());
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(
            CommandError::report(error).to_string(),
            "error: failed to change old: it has changed in the meantime\nhint: run the command again"
        );
        assert_unchanged(root.path());
    }

    #[test]
    fn a_folder_that_appeared_since_it_was_planned_is_left_alone() {
        let (root, plan) = root_and_plan();
        fs::create_dir_all(root.path().join("deep/new")).unwrap();
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(
            CommandError::report(error).to_string(),
            "error: failed to create deep/new: it exists already\nhint: run the command again"
        );
        fs::remove_dir_all(root.path().join("deep")).unwrap();
        assert_unchanged(root.path());
    }
}
