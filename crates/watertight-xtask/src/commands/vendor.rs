use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use walkdir::WalkDir;

use crate::generator::apply;
use crate::generator::file_plan::{FilePlan, Removal};
use crate::generator::watertight_source::{self, VENDORED};
use crate::output::terminal;
use crate::workspace::Workspace;
use crate::workspace::cargo_lock;

/// Bring the Watertight crates in vendor/watertight up to date from a checkout.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A checkout of Watertight.
    checkout: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let root = workspace.root();
    ensure!(
        root.join(VENDORED).is_dir(),
        "failed to update {VENDORED}: this workspace has none; it takes Watertight from where `watertight-xtask` in \
         `[workspace.dependencies]` says"
    );
    let _lock = apply::lock(root)?;
    let plan = plan(root, &arguments.checkout)?;
    if plan.is_empty() {
        terminal::result(&format!(
            "Nothing to do: {VENDORED} is as in the checkout.\n"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.dry_run {
        terminal::result(&format!("Would update {VENDORED}:\n{}", plan.list()));
        return Ok(ExitCode::SUCCESS);
    }
    apply::apply(root, &plan, &[Path::new("Cargo.lock")], || {
        cargo_lock::update(root)
    })?;
    terminal::result(&format!("Updated {VENDORED}:\n{}", plan.list()));
    Ok(ExitCode::SUCCESS)
}

fn plan(root: &Path, checkout: &Path) -> Result<FilePlan> {
    let mut there = files_of(&root.join(VENDORED))?;
    let mut plan = FilePlan::default();
    for (path, text) in watertight_source::copy_of(checkout)? {
        let before = there.remove(&path);
        plan.edit(Path::new(VENDORED).join(path), before, text);
    }
    plan.removals = there
        .into_iter()
        .map(|(path, before)| Removal {
            path: Path::new(VENDORED).join(path),
            before,
        })
        .collect();
    Ok(plan)
}

fn files_of(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("failed to list {}", folder.display()))?;
        if entry.file_type().is_file() {
            let text = fs::read_to_string(entry.path())
                .with_context(|| format!("failed to read {}", entry.path().display()))?;
            files.insert(entry.path().strip_prefix(folder)?.to_owned(), text);
        }
    }
    Ok(files)
}
