use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use toml_edit::DocumentMut;

use super::source_file::SourceFile;

/// A Cargo manifest of the workspace.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) file: SourceFile,
    pub(crate) document: DocumentMut,
}

impl Manifest {
    /// Returns `package.name`, or `None` if the manifest has no package.
    pub(crate) fn package_name(&self) -> Option<&str> {
        self.document.get("package")?.get("name")?.as_str()
    }
}

/// The manifests of a workspace. Each is read and parsed once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifests {
    parsed: RefCell<BTreeMap<PathBuf, Rc<Manifest>>>,
}

impl Manifests {
    /// Returns the manifest at a path relative to the root.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not TOML.
    pub(crate) fn get(&self, root: &Path, path: &Path) -> Result<Rc<Manifest>> {
        if let Some(manifest) = self.parsed.borrow().get(path) {
            return Ok(Rc::clone(manifest));
        }
        let failed = || format!("failed to read {}", path.display());
        let file = SourceFile::read(root, path.to_owned())?;
        file.contents
            .as_ref()
            .context("it does not exist")
            .with_context(failed)?;
        let document = file.normalized().parse().with_context(failed)?;
        let manifest = Rc::new(Manifest { file, document });
        self.parsed
            .borrow_mut()
            .insert(path.to_owned(), Rc::clone(&manifest));
        Ok(manifest)
    }
}
