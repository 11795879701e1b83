use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::{SigSet, Signal};
use tempfile::{NamedTempFile, TempDir};

use crate::plan::{Edit, NewFolder, Plan};

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
/// Every file is first written beside its target, which finds full disks and read-only folders while
/// nothing has changed yet. Then come only renames, and `check`. When one of these fails, all is put
/// back. An interrupt from the keyboard waits until all is done or put back.
///
/// `check` may change the files `also`; they are put back too.
///
/// # Errors
///
/// The first failure. It says so when something could not be put back.
pub(crate) fn apply(
    root: &Path,
    plan: &Plan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _uninterrupted = Uninterrupted::new();
    let mut undo = Undo::default();
    let Err(error) = stage_and_commit(root, plan, also, check, &mut undo) else {
        return Ok(());
    };
    match undo.put_back() {
        Ok(()) => Err(error),
        Err(left) => Err(error.context(format!(
            "failed to put everything back ({left}); look at what is left with `git status`"
        ))),
    }
}

fn stage_and_commit(
    root: &Path,
    plan: &Plan,
    also: &[&Path],
    check: impl FnOnce() -> Result<()>,
    undo: &mut Undo,
) -> Result<()> {
    let folder = match &plan.folder {
        Some(folder) => Some(StagedFolder::new(root, folder, undo)?),
        None => None,
    };
    let mut edits = Vec::new();
    for edit in &plan.edits {
        edits.push(StagedEdit::new(root, edit, undo)?);
    }
    let mut kept = Vec::new();
    for path in also {
        let failed = || format!("failed to change {}", path.display());
        kept.push(Kept::new(&root.join(path)).with_context(failed)?);
    }

    if let Some(folder) = folder {
        folder.commit(undo)?;
    }
    for edit in edits {
        edit.commit(undo)?;
    }
    undo.kept.extend(kept);
    check()
}

/// A new folder, complete, in a temporary one beside its place.
struct StagedFolder {
    place: PathBuf,
    staged: PathBuf,
    _temporary: TempDir,
}

impl StagedFolder {
    fn new(root: &Path, folder: &NewFolder, undo: &mut Undo) -> Result<Self> {
        let place = root.join(&folder.path);
        let parent = undo.create_parent(&place)?;
        // One level more than needed: Cargo would take a package right below `plugins/` for a member.
        let temporary = tempfile::Builder::new()
            .prefix(".watertight-")
            .tempdir_in(parent)
            .with_context(|| format!("failed to write in {}", parent.display()))?;
        let staged = temporary.path().join("new");
        for file in &folder.files {
            let path = staged.join(&file.path);
            let parent = path.parent().unwrap_or(&staged);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, &file.text))
                .with_context(|| {
                    format!("failed to write {}", folder.path.join(&file.path).display())
                })?;
        }
        Ok(Self {
            place,
            staged,
            _temporary: temporary,
        })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let failed = || format!("failed to create {}", self.place.display());
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

/// A file's new content, beside it, with the old one's permissions.
struct StagedEdit {
    new: NamedTempFile,
    old: Kept,
}

impl StagedEdit {
    fn new(root: &Path, edit: &Edit, undo: &mut Undo) -> Result<Self> {
        let path = root.join(&edit.path);
        let failed = || format!("failed to change {}", edit.path.display());
        undo.create_parent(&path)?;
        let old = Kept::new(&path).with_context(failed)?;
        ensure!(
            old.content.as_deref() == edit.before.as_deref().map(str::as_bytes),
            anyhow!("it has changed meanwhile; run the command again").context(failed())
        );
        let new = write_beside(&old.path, edit.after.as_bytes()).with_context(failed)?;
        Ok(Self { new, old })
    }

    fn commit(self, undo: &mut Undo) -> Result<()> {
        let Self { new, old } = self;
        let failed = || format!("failed to replace {}", old.path.display());
        new.persist(&old.path)
            .map_err(|error| error.error)
            .with_context(failed)?;
        undo.kept.push(old);
        Ok(())
    }
}

/// What a file was, in a copy beside it, so that putting it back needs no room on the disk.
struct Kept {
    path: PathBuf,
    content: Option<Vec<u8>>,
    copy: Option<NamedTempFile>,
}

impl Kept {
    fn new(path: &Path) -> Result<Self> {
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
        let copy = write_beside(&path, &content)?;
        Ok(Self {
            path,
            content: Some(content),
            copy: Some(copy),
        })
    }

    fn put_back(self) -> io::Result<()> {
        match self.copy {
            Some(copy) => copy
                .persist(&self.path)
                .map(drop)
                .map_err(|error| error.error),
            None => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

/// Writes a temporary file that can take the place of `path`.
fn write_beside(path: &Path, content: &[u8]) -> Result<NamedTempFile> {
    let parent = path.parent().context("it has no folder")?;
    let mut builder = tempfile::Builder::new();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut file = builder
        .prefix(".watertight-")
        .permissions(everyone)
        .tempfile_in(parent)?;
    file.as_file_mut().write_all(content)?;
    if let Ok(replaced) = fs::metadata(path) {
        // Only root can give a file away; for anyone else it is their own already.
        let _ = chown(file.path(), Some(replaced.uid()), Some(replaced.gid()));
        file.as_file().set_permissions(replaced.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
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

    fn put_back(self) -> Result<(), String> {
        let mut left = Vec::new();
        let mut note = |path: &Path, done: io::Result<()>| {
            if let Err(error) = done {
                left.push(format!("{}: {error}", path.display()));
            }
        };
        for kept in self.kept.into_iter().rev() {
            let path = kept.path.clone();
            note(&path, kept.put_back());
        }
        if let Some(folder) = self.folder {
            note(&folder, fs::remove_dir_all(&folder));
        }
        for parent in self.parents.iter().rev() {
            note(parent, fs::remove_dir(parent));
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join(", "))
        }
    }
}

/// Holds back the signals that end a command; they arrive when this is dropped.
struct Uninterrupted {
    before: Option<SigSet>,
}

impl Uninterrupted {
    fn new() -> Self {
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
