use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use watertight_diagnostics::ExitCode;
use watertight_metadata::PluginId;

use crate::database::migration_run;
use crate::generator::apply::HeldSignals;
use crate::generator::new_folder::NewFolder;
use crate::generator::plugin_plan::NewPlugin;
use crate::generator::repository_files::{self, CrateSource};
use crate::output::command_error::ThenHint as _;
use crate::output::hint::{Hint as _, argument, hinted, plugin_id};
use crate::output::terminal;
use crate::workspace::Workspace;

/// Create a new repository from this workspace's template.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-workspace ../my-app --plugin catalog --plugin billing --migrate
  cargo xtask new-workspace ../my-app --source git=https://example.org/watertight.git")]
pub(crate) struct Arguments {
    /// Folder to create.
    dir: PathBuf,
    /// Workspace name, in kebab-case [default: folder name].
    #[arg(long)]
    name: Option<String>,
    /// Plugin to create (repeatable).
    #[arg(long = "plugin", value_name = "ID", value_parser = argument(plugin_id))]
    plugins: Vec<PluginId>,
    /// Migrate the database afterwards.
    #[arg(long)]
    migrate: bool,
    /// Source of the Watertight crates: a copy in the workspace, this folder, or a git repository.
    #[arg(long, value_name = "vendored|path|git=URL", default_value = "vendored", value_parser = argument(CrateSource::parse))]
    source: CrateSource,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let template = template(&workspace)?;
    let path = std::path::absolute(&arguments.dir).context("failed to find the current folder")?;
    let name = name(arguments, &path)?;
    ensure!(
        fs::symlink_metadata(&path).is_err(),
        hinted(
            format!("failed to create {}: it exists already", path.display()),
            "choose another folder"
        )
    );
    let source = arguments.source.template_value()?;
    repository_files::check_git()?;
    let cargo_generate = repository_files::cargo_generate()?;

    let signals = HeldSignals::new();
    let folder = NewFolder::begin(&path)?;
    let staged = folder.staged();
    repository_files::expand(&cargo_generate, &template, &name, &source, staged)?;
    let lock_file = workspace.root().join("Cargo.lock");
    repository_files::complete(staged, &arguments.source, &lock_file)?;
    for plugin in &arguments.plugins {
        NewPlugin::with_defaults(*plugin)?.write(staged)?;
    }
    folder.commit()?;
    drop(signals);

    if arguments.migrate {
        let migrated = Workspace::at(&path)
            .and_then(|workspace| migration_run::run_all(&workspace))
            .with_context(|| format!("failed to migrate after {} was created", path.display()))
            .then_hint("run `cargo xtask migrate` there")?;
        terminal::status(&migrated.to_string());
        if !migrated.is_success() {
            return Ok(ExitCode::Failure);
        }
    }
    report(arguments)?;
    Ok(ExitCode::Success)
}

/// Returns the folder of the template.
fn template(workspace: &Workspace) -> Result<PathBuf> {
    let template = workspace
        .template_folder()
        .context("failed to create a workspace: this workspace has no template")
        .hint(
            "set `template` in `[workspace.metadata.watertight]` to the folder of a cargo-generate template",
        )?;
    let template = workspace.root().join(template);
    ensure!(
        template.is_dir(),
        hinted(
            format!(
                "failed to create a workspace: the template {} does not exist",
                template.display()
            ),
            "correct `template` in `[workspace.metadata.watertight]`"
        )
    );
    Ok(template)
}

/// Returns the workspace's name, which is also the name of a package, a database and a role.
fn name(arguments: &Arguments, path: &Path) -> Result<String> {
    let of_folder = || path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let name = arguments
        .name
        .clone()
        .or_else(of_folder)
        .ok_or_else(|| anyhow!("failed to name the workspace after {}", path.display()))
        .hint("set a name with `--name`")?;
    // The rule for plugin ids is valid for all of these.
    let Err(error) = PluginId::parse(&name) else {
        return Ok(name);
    };
    let suggestion = error
        .suggestion()
        .map(|suggestion| format!(", such as `--name {suggestion}`"));
    bail!(hinted(
        format!(
            "{name:?} is not a valid workspace name: a name consists of lower-case words of letters and digits, joined \
             by hyphens, and has at most {} bytes",
            PluginId::MAX_LENGTH
        ),
        format!("set a name with `--name`{}", suggestion.unwrap_or_default())
    ))
}

fn report(arguments: &Arguments) -> Result<()> {
    let dir = arguments.dir.display();
    let ids: Vec<&str> = arguments.plugins.iter().map(PluginId::as_str).collect();
    let (with, next, plugin) = match ids.first() {
        Some(first) => (format!(" with {}", ids.join(", ")), "", *first),
        None => (
            String::new(),
            "  cargo xtask new-plugin my-feature\n",
            "my-feature",
        ),
    };
    terminal::print(&format!(
        "Created {dir}{with}\n\nNext:\n  cd {dir}\n{next}  cargo test\n  cargo xtask dev\n  \
         curl localhost:3000/api/{plugin}/items\n"
    ))
}
