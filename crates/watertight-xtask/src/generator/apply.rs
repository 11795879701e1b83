use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::{SigSet, Signal};

use crate::generator::file_plan::{Edit, FilePlan, NewFolder, Removal};

/// Keeps other generators out of the workspace, from reading it to writing it. Dropped, it lets them in.
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

/// Does what `plan` says: all of it, or nothing.
///
/// Every file is first written to a staging folder, which finds a full disk while nothing has changed yet.
/// Then come only renames, and `check`. When one of these fails, all is put back. An interrupt from the
/// keyboard waits until all is done or put back.
///
/// `check` may change the files `also`; they are put back too.
///
/// The caller holds the [`lock`].
///
/// # Errors
///
/// The first failure. It says so when something could not be put back.
pub(crate) fn apply(
    root: &Path,
    plan: &FilePlan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _uninterrupted = Uninterrupted::new();
    let mut undo = Undo::default();
    let mut staging = Staging::new(root, &mut undo)?;
    let Err(error) = stage_and_commit(root, plan, also, check, &mut staging, &mut undo) else {
        return Ok(());
    };
    let left = undo.put_back(staging);
    if left.is_empty() {
        return Err(error);
    }
    Err(error.context(format!(
        "failed to put everything back ({}); look at what is left with `git status`",
        left.join(", ")
    )))
}

fn stage_and_commit(
    root: &Path,
    plan: &FilePlan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
    staging: &mut Staging,
    undo: &mut Undo,
) -> Result<()> {
    let folder = match &plan.folder {
        Some(folder) => Some(StagedFolder::new(root, folder, staging, undo)?),
        None => None,
    };
    let mut edits = Vec::new();
    for edit in &plan.edits {
        edits.push(StagedEdit::new(root, edit, staging, undo)?);
    }
    let mut kept = Vec::new();
    for path in also {
        let failed = || format!("failed to change {}", path.display());
        kept.push(Kept::new(&root.join(path), staging).with_context(failed)?);
    }

    let mut removals = Vec::new();
    for removal in &plan.removals {
        removals.push(StagedRemoval::new(root, removal, staging)?);
    }

    if let Some(folder) = folder {
        folder.commit(undo)?;
    }
    for edit in edits {
        edit.commit(undo)?;
    }
    for removal in removals {
        removal.commit(undo)?;
    }
    undo.kept.extend(kept);
    check()?;
    remove_empty_folders(root, &plan.removals);
    Ok(())
}

/// What is left of folders whose files are gone. An empty folder that cannot go does no harm.
fn remove_empty_folders(root: &Path, removals: &[Removal]) {
    for removal in removals {
        for folder in removal.path.ancestors().skip(1) {
            if folder.as_os_str().is_empty() || fs::remove_dir(root.join(folder)).is_err() {
                break;
            }
        }
    }
}

/// The folder in which everything is written before it is renamed to its place.
///
/// It does not lie among the plugins: Cargo would take it for a member there. What a killed run has left
/// in it, the next one removes.
struct Staging {
    folder: PathBuf,
    files: usize,
}

impl Staging {
    fn new(root: &Path, undo: &mut Undo) -> Result<Self> {
        let folder = root.join(".watertight/staging");
        let failed = || "failed to write in .watertight";
        undo.create_parent(&folder)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(failed)?;
        }
        fs::create_dir(&folder).with_context(failed)?;
        Ok(Self { folder, files: 0 })
    }

    /// Writes a file that can take the place of `path`, with the permissions that `path` has.
    fn write(&mut self, path: &Path, content: &[u8]) -> Result<PathBuf> {
        let staged = self.folder.join(self.files.to_string());
        self.files += 1;
        let mut file = File::create_new(&staged)?;
        file.write_all(content)?;
        if let Ok(replaced) = fs::metadata(path) {
            // Only root can give a file away; for anyone else it is their own already.
            let _ = chown(&staged, Some(replaced.uid()), Some(replaced.gid()));
            file.set_permissions(replaced.permissions())?;
        }
        file.sync_all()?;
        Ok(staged)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder, complete, but not in its place.
struct StagedFolder {
    staged: PathBuf,
    place: PathBuf,
    shown: PathBuf,
}

impl StagedFolder {
    fn new(root: &Path, folder: &NewFolder, staging: &Staging, undo: &mut Undo) -> Result<Self> {
        let staged = staging.folder.join("new");
        for file in &folder.files {
            let path = staged.join(&file.path);
            let parent = path.parent().unwrap_or(&staged);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, &file.text))
                .with_context(|| {
                    let shown = folder.path.join(&file.path);
                    format!("failed to write {}", shown.display())
                })?;
        }
        let place = root.join(&folder.path);
        undo.create_parent(&place)?;
        Ok(Self {
            staged,
            place,
            shown: folder.path.clone(),
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let failed = || format!("failed to create {}", self.shown.display());
        // `rename` would replace an empty folder.
        ensure!(
            fs::symlink_metadata(&self.place).is_err(),
            anyhow!("it is there already; run the command again").context(failed())
        );
        fs::rename(&self.staged, &self.place).with_context(failed)?;
        undo.folder = Some(self.place);
        Ok(())
    }
}

/// A file's new content, and what it was.
struct StagedEdit {
    staged: PathBuf,
    old: Kept,
    shown: PathBuf,
}

impl StagedEdit {
    fn new(root: &Path, edit: &Edit, staging: &mut Staging, undo: &mut Undo) -> Result<Self> {
        let path = root.join(&edit.path);
        let failed = || format!("failed to change {}", edit.path.display());
        undo.create_parent(&path)?;
        let old = Kept::new(&path, staging).with_context(failed)?;
        ensure!(
            old.is(edit.before.as_deref()),
            anyhow!("it has changed meanwhile; run the command again").context(failed())
        );
        let staged = staging
            .write(&old.path, edit.after.as_bytes())
            .with_context(failed)?;
        Ok(Self {
            staged,
            old,
            shown: edit.path.clone(),
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let failed = || format!("failed to replace {}", self.shown.display());
        fs::rename(&self.staged, &self.old.path).with_context(failed)?;
        undo.kept.push(self.old);
        Ok(())
    }
}

/// A file that goes, and what it was.
struct StagedRemoval {
    old: Kept,
    shown: PathBuf,
}

impl StagedRemoval {
    fn new(root: &Path, removal: &Removal, staging: &mut Staging) -> Result<Self> {
        let failed = || format!("failed to remove {}", removal.path.display());
        let old = Kept::new(&root.join(&removal.path), staging).with_context(failed)?;
        ensure!(
            old.is(Some(&removal.before)),
            anyhow!("it has changed meanwhile; run the command again").context(failed())
        );
        Ok(Self {
            old,
            shown: removal.path.clone(),
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let failed = || format!("failed to remove {}", self.shown.display());
        fs::remove_file(&self.old.path).with_context(failed)?;
        undo.kept.push(self.old);
        Ok(())
    }
}

/// What a file was, in a staged copy, so that putting it back needs no room on the disk.
struct Kept {
    path: PathBuf,
    content: Option<Vec<u8>>,
    copy: Option<PathBuf>,
}

impl Kept {
    fn new(path: &Path, staging: &mut Staging) -> Result<Self> {
        // The file that a symbolic link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    content: None,
                    copy: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        ensure!(
            !fs::metadata(&path)?.permissions().readonly(),
            "it is read-only; make it writable and run the command again"
        );
        let copy = staging.write(&path, &content)?;
        Ok(Self {
            path,
            content: Some(content),
            copy: Some(copy),
        })
    }

    fn is(&self, text: Option<&str>) -> bool {
        self.content.as_deref() == text.map(str::as_bytes)
    }

    fn put_back(&self) -> io::Result<()> {
        if let Some(copy) = &self.copy {
            return fs::rename(copy, &self.path);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// How to get back to where everything began.
#[derive(Default)]
struct Undo {
    parents: Vec<PathBuf>,
    folder: Option<PathBuf>,
    kept: Vec<Kept>,
}

impl Undo {
    /// Creates the folder that `path` lies in, and remembers each folder that was missing.
    fn create_parent<'a>(&mut self, path: &'a Path) -> Result<&'a Path> {
        let parent = path
            .parent()
            .context("failed to find the folder of the root")?;
        let missing: Vec<&Path> = parent
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)
                .with_context(|| format!("failed to create {}", folder.display()))?;
            self.parents.push(folder.to_owned());
        }
        Ok(parent)
    }

    /// Puts everything back, and says what could not be.
    fn put_back(self, staging: Staging) -> Vec<String> {
        let mut left = Vec::new();
        let mut note = |path: &Path, done: io::Result<()>| {
            if let Err(error) = done {
                left.push(format!("{}: {error}", path.display()));
            }
        };
        for kept in self.kept.iter().rev() {
            note(&kept.path, kept.put_back());
        }
        if let Some(folder) = self.folder {
            note(&folder, fs::remove_dir_all(&folder));
        }
        drop(staging);
        for parent in self.parents.iter().rev() {
            note(parent, fs::remove_dir(parent));
        }
        left
    }
}

/// Holds back the signals that end a command; they arrive when this is dropped.
pub(crate) struct Uninterrupted {
    before: Option<SigSet>,
}

impl Uninterrupted {
    pub(crate) fn new() -> Self {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        let before = SigSet::thread_get_mask().ok();
        let _ = signals.thread_block();
        Self { before }
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            let _ = before.thread_set_mask();
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;
    use tempfile::TempDir;

    use super::*;
    use crate::generator::file_plan::NewFile;

    /// A root with the file `old`, and a plan that changes it and creates `deep/new/file`.
    fn root_and_plan() -> (TempDir, FilePlan) {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("old"), "before").unwrap();
        let mut plan = FilePlan::default();
        plan.edit("old".into(), Some("before".to_owned()), "after".to_owned());
        plan.folder = Some(NewFolder {
            path: "deep/new".into(),
            files: vec![NewFile {
                path: "file".into(),
                text: "text".to_owned(),
            }],
        });
        (root, plan)
    }

    #[track_caller]
    fn nothing_has_changed(root: &Path) {
        let names: Vec<_> = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["old"]);
        assert_eq!(fs::read_to_string(root.join("old")).unwrap(), "before");
    }

    #[test]
    fn all_is_done() {
        let (root, plan) = root_and_plan();
        apply(root.path(), &plan, &[], || Ok(())).unwrap();
        let read = |path| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read("old"), "after");
        assert_eq!(read("deep/new/file"), "text");
        assert!(!root.path().join(".watertight/staging").exists());
    }

    #[test]
    fn a_file_is_removed_with_the_folders_that_it_leaves_empty_or_put_back() {
        let root = TempDir::new().unwrap();
        let file = root.path().join("a/b/file");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "text").unwrap();
        let mut plan = FilePlan::default();
        plan.removals.push(Removal {
            path: "a/b/file".into(),
            before: "text".to_owned(),
        });
        apply(root.path(), &plan, &[], || bail!("no")).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        apply(root.path(), &plan, &[], || Ok(())).unwrap();
        assert!(!root.path().join("a").exists());
    }

    #[test]
    fn a_check_that_fails_undoes_all_and_its_own_changes() {
        let (root, plan) = root_and_plan();
        let error = apply(root.path(), &plan, &[Path::new("lock")], || {
            fs::write(root.path().join("lock"), "locked").unwrap();
            bail!("no")
        });
        assert_eq!(error.unwrap_err().to_string(), "no");
        nothing_has_changed(root.path());
    }

    #[test]
    fn a_rename_that_fails_undoes_those_before_it() {
        let (root, mut plan) = root_and_plan();
        // The new folder takes the place that this file wants.
        plan.edit("deep/new".into(), None, String::new());
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "failed to replace deep/new");
        nothing_has_changed(root.path());
    }

    #[test]
    fn a_file_that_changed_after_the_plan_was_made_is_left_alone() {
        let (root, mut plan) = root_and_plan();
        plan.edits[0].before = Some("long ago".to_owned());
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "failed to change old: it has changed meanwhile; run the command again"
        );
        nothing_has_changed(root.path());
    }

    #[test]
    fn a_folder_that_came_after_the_plan_was_made_is_left_alone() {
        let (root, plan) = root_and_plan();
        fs::create_dir_all(root.path().join("deep/new")).unwrap();
        let error = apply(root.path(), &plan, &[], || Ok(())).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "failed to create deep/new: it is there already; run the command again"
        );
        fs::remove_dir_all(root.path().join("deep")).unwrap();
        nothing_has_changed(root.path());
    }
}
