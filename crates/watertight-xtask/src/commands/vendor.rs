use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use walkdir::WalkDir;
use watertight_diagnostics::ExitCode;

use crate::generator::apply;
use crate::generator::file_plan::FilePlan;
use crate::generator::vendored_copy::{self, VENDORED};
use crate::output::hint::hinted;
use crate::output::terminal;
use crate::workspace::{Workspace, cargo_lock};

/// Update the Watertight crates in vendor/watertight from a checkout.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of a checkout of Watertight.
    checkout: PathBuf,
    /// Show the changes without making them.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let root = workspace.root();
    ensure!(
        root.join(VENDORED).is_dir(),
        hinted(
            format!("failed to update {VENDORED}: this workspace has no such folder"),
            "update `watertight-xtask` in `[workspace.dependencies]` instead"
        )
    );
    let _lock = apply::lock(root)?;
    let plan = plan(root, &arguments.checkout)?;
    if plan.is_empty() {
        terminal::print(&format!(
            "Nothing to do: {VENDORED} has the files of the checkout.\n"
        ))?;
        return Ok(ExitCode::Success);
    }
    if arguments.dry_run {
        terminal::print(&format!("Would update {VENDORED}:\n{}", plan.list()))?;
        return Ok(ExitCode::Success);
    }
    apply::apply(root, &plan, &[Path::new("Cargo.lock")], || {
        cargo_lock::update(root)
    })?;
    terminal::print(&format!("Updated {VENDORED}:\n{}", plan.list()))?;
    Ok(ExitCode::Success)
}

fn plan(root: &Path, checkout: &Path) -> Result<FilePlan> {
    let mut present = read_files(&root.join(VENDORED))?;
    let mut plan = FilePlan::default();
    for (path, contents) in vendored_copy::copy_of(checkout)? {
        let before = present.remove(&path);
        plan.write(Path::new(VENDORED).join(path), before, contents);
    }
    for (path, before) in present {
        plan.remove(Path::new(VENDORED).join(path), before);
    }
    Ok(plan)
}

fn read_files(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("failed to list {}", folder.display()))?;
        if entry.file_type().is_file() {
            let contents = fs::read_to_string(entry.path())
                .with_context(|| format!("failed to read {}", entry.path().display()))?;
            files.insert(entry.path().strip_prefix(folder)?.to_owned(), contents);
        }
    }
    Ok(files)
}
