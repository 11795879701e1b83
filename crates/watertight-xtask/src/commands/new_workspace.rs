use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use watertight_helpers::{Helper, HelperProgress};
use watertight_metadata::PluginId;

use crate::apply::Uninterrupted;
use crate::cargo_lock;
use crate::commands::{migrate, new_plugin};
use crate::new_folder::NewFolder;
use crate::plugin_id_argument;
use crate::terminal;
use crate::watertight_source::{self, VENDORED};
use crate::workspace::Workspace;

/// Start a new repository from the template of this one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-workspace ../my-app --plugin catalog --plugin billing --migrate
  cargo xtask new-workspace ../my-app --source git=https://example.org/watertight.git")]
pub(crate) struct Arguments {
    /// The folder to create.
    dir: PathBuf,
    /// What it is called: lower-case words joined by hyphens. Without it, as the folder.
    #[arg(long)]
    name: Option<String>,
    /// A plugin to begin with.
    #[arg(long = "plugin", value_name = "ID", value_parser = plugin_id_argument::parse)]
    plugins: Vec<PluginId>,
    /// Then bring its database up to date.
    #[arg(long)]
    migrate: bool,
    /// Where it takes the Watertight crates from: a copy of its own, this folder, or a git repository.
    #[arg(long, value_name = "vendored|path|git=URL", default_value = "vendored", value_parser = Source::parse)]
    source: Source,
}

/// Where a workspace takes the Watertight crates from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Vendored,
    Path,
    Git(String),
}

impl Source {
    fn parse(text: &str) -> Result<Self> {
        match text {
            "vendored" => Ok(Self::Vendored),
            "path" => Ok(Self::Path),
            _ => match text.strip_prefix("git=") {
                Some(url) if url.contains("://") && is_plain(url) => Ok(Self::Git(url.to_owned())),
                Some(url) => bail!(
                    "failed to read {url:?} as a git URL: Cargo takes those with a scheme, such as \
                     https://example.org/watertight.git, ssh://git@example.org/watertight.git or file:///srv/watertight"
                ),
                None => bail!(
                    "failed to read {text:?} as a source; there are `vendored`, `path` and `git=URL`"
                ),
            },
        }
    }

    /// As the template wants it.
    fn value(&self) -> Result<String> {
        match self {
            Self::Vendored => Ok(VENDORED.to_owned()),
            Self::Git(url) => Ok(url.clone()),
            Self::Path => {
                let root = watertight_source::root()?;
                let text = root.to_str().filter(|path| is_plain(path));
                let text = text.ok_or_else(|| {
                    anyhow!(
                        "failed to name {} in a manifest: it has characters that TOML or the template would read \
                         otherwise; move it, or use `--source vendored`",
                        root.display()
                    )
                })?;
                Ok(text.to_owned())
            }
        }
    }
}

/// Whether a text means itself in a TOML string and in the template.
fn is_plain(text: &str) -> bool {
    !text.contains(['"', '\\', '\n', '=']) && !text.contains("{{") && !text.contains("{%")
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let here = Workspace::find()?;
    let template = here.template_folder().context(
        "failed to start a workspace: this one has no template; name the folder of a cargo-generate template as \
         `template` in `[workspace.metadata.watertight]`",
    )?;
    let template = here.root().join(template);
    ensure!(
        template.is_dir(),
        "failed to start a workspace: the template {} is not there; correct `template` in \
         `[workspace.metadata.watertight]`",
        template.display()
    );
    let place = std::path::absolute(&arguments.dir).context("failed to find the current folder")?;
    let name = name(arguments, &place)?;
    ensure!(
        fs::symlink_metadata(&place).is_err(),
        "failed to create {}: it is there already; choose another folder",
        place.display()
    );
    let value = arguments.source.value()?;
    check_git()?;
    let generate = build_generate()?;

    let uninterrupted = Uninterrupted::new();
    let folder = NewFolder::begin(&place)?;
    expand(&generate, &template, &name, &value, folder.staged())?;
    fill(&here, arguments, folder.staged())?;
    folder.commit()?;
    drop(uninterrupted);

    if arguments.migrate {
        let workspace = Workspace::containing(&place)?;
        let migrated = new_plugin::migrate(&workspace).with_context(|| {
            format!(
                "failed to migrate, but {} is written; run `cargo xtask migrate` there when this is mended",
                place.display()
            )
        })?;
        terminal::remark(&migrated.to_string());
        if !migrated.is_success() {
            return Ok(migrate::exit_code(&migrated));
        }
    }
    report(arguments);
    Ok(ExitCode::SUCCESS)
}

/// The workspace's name, which has to be right as a project's, a database's and a role's name.
fn name(arguments: &Arguments, place: &Path) -> Result<String> {
    let from_folder = || place.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let name = arguments.name.clone().or_else(from_folder).ok_or_else(|| {
        anyhow!(
            "failed to name the workspace after {}; give it a name with `--name`",
            place.display()
        )
    })?;
    // The rule of plugin ids serves here too.
    match PluginId::parse(&name) {
        Ok(_) => Ok(name),
        Err(error) => {
            let suggestion = error
                .suggestion()
                .map(|meant| format!(", such as `--name {meant}`"));
            bail!(
                "failed to take {name:?} as the workspace's name: a name is lower-case words of letters and digits, \
                 joined by hyphens, and at most {} bytes long; give it one with `--name`{}",
                PluginId::MAX_LENGTH,
                suggestion.unwrap_or_default()
            )
        }
    }
}

fn check_git() -> Result<()> {
    let output = Command::new("git").arg("--version").output();
    ensure!(
        output.is_ok_and(|output| output.status.success()),
        "failed to run git, which makes the folder a repository; install git and run the command again"
    );
    Ok(())
}

/// cargo-generate, which is built when it is first needed.
fn build_generate() -> Result<PathBuf> {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/helpers/generate");
    let helper = Helper::new("watertight-generate", sources);
    let report = |progress| {
        terminal::remark(match progress {
            HelperProgress::Building => {
                "building cargo-generate: about 1 minute on two cores, once"
            }
            HelperProgress::Waiting => "waiting for another process, which builds cargo-generate",
        });
    };
    Ok(helper.build(&report)?)
}

/// Has cargo-generate expand the template into `folder`.
fn expand(
    generate: &Path,
    template: &Path,
    name: &str,
    watertight: &str,
    folder: &Path,
) -> Result<()> {
    // cargo-generate makes a folder in a folder.
    let scratch = tempfile::tempdir().context("failed to create a temporary folder")?;
    // Not what its user has set for other templates.
    let config = scratch.path().join("config.toml");
    fs::write(&config, "").context("failed to write a temporary file")?;
    let mut command = Command::new(generate);
    command
        .arg("generate")
        .arg("--path")
        .arg(template)
        .args([
            "--name",
            name,
            "--silent",
            "--vcs",
            "none",
            "--no-workspace",
            "--no-fmt",
        ])
        .args(["--define", &format!("watertight={watertight}")])
        .arg("--destination")
        .arg(scratch.path())
        .arg("--config")
        .arg(&config);
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("CARGO_GENERATE_") {
            command.env_remove(variable);
        }
    }
    if env::var_os("USER").is_none() {
        // It wants to know the author's name, which the template does not use.
        command.env("USER", "nobody");
    }
    let output = command.output().context("failed to run cargo-generate")?;
    ensure!(
        output.status.success(),
        "failed to expand the template {}; cargo-generate says:\n{}",
        template.display(),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let expanded = scratch.path().join(name);
    copy_folder(&expanded, folder).with_context(|| format!("failed to write {}", folder.display()))
}

/// A rename would not do: the temporary folder may be on another file system.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(from).min_depth(1) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Adds what the template cannot: the crates, the repository, the lock file, the plugins.
fn fill(here: &Workspace, arguments: &Arguments, folder: &Path) -> Result<()> {
    if arguments.source == Source::Vendored {
        for (path, text) in watertight_source::copy_of(&watertight_source::root()?)? {
            let path = folder.join(VENDORED).join(path);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, text))
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
    }
    let git = Command::new("git")
        // The branch that the template's CI workflow runs on.
        .args(["-c", "init.defaultBranch=main", "init", "--quiet"])
        .current_dir(folder)
        .output()
        .context("failed to run git")?;
    ensure!(
        git.status.success(),
        "failed to make the folder a repository; git says:\n{}",
        String::from_utf8_lossy(&git.stderr).trim_end()
    );
    // The versions that this workspace is tested with.
    let lock = here.root().join("Cargo.lock");
    if lock.is_file() {
        fs::copy(&lock, folder.join("Cargo.lock")).context("failed to copy Cargo.lock")?;
    }
    cargo_lock::update(folder)?;
    let workspace = Workspace::containing(folder)?;
    for plugin in &arguments.plugins {
        new_plugin::write(&workspace, &new_plugin::Arguments::of(*plugin)?)?;
    }
    Ok(())
}

fn report(arguments: &Arguments) {
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
    terminal::result(&format!(
        "Created {dir}{with}\n\nNext:\n  cd {dir}\n{next}  cargo test\n  cargo xtask dev\n  \
         curl localhost:3000/api/{plugin}/items\n"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_copy_a_folder_or_a_git_url() {
        assert_eq!(Source::parse("vendored").unwrap(), Source::Vendored);
        assert_eq!(Source::parse("path").unwrap(), Source::Path);
        let url = "ssh://git@example.org/w.git";
        assert_eq!(
            Source::parse(&format!("git={url}")).unwrap(),
            Source::Git(url.to_owned())
        );
        insta::assert_snapshot!(Source::parse("git=git@example.org:w.git").unwrap_err(), @r#"failed to read "git@example.org:w.git" as a git URL: Cargo takes those with a scheme, such as https://example.org/watertight.git, ssh://git@example.org/watertight.git or file:///srv/watertight"#);
        insta::assert_snapshot!(Source::parse("vendor").unwrap_err(), @r#"failed to read "vendor" as a source; there are `vendored`, `path` and `git=URL`"#);
        assert!(Source::parse("git=https://x/\"}").is_err());
    }
}
