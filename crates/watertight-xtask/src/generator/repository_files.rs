//! The files of a new workspace: the expanded template, Watertight's crates, and a git repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use include_dir::{Dir, include_dir};
use walkdir::WalkDir;
use watertight_helpers::{Helper, HelperProgress};

use super::vendored_copy::{self, VENDORED};
use crate::output::hint::{Hint as _, hinted};
use crate::output::terminal;
use crate::workspace::cargo_lock;

/// Where a workspace takes Watertight's crates from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CrateSource {
    /// A copy in the workspace.
    Vendored,
    /// The folder that this program was built from.
    Path,
    /// A git repository.
    Git(String),
}

impl CrateSource {
    /// Parses `vendored`, `path` or `git=URL`.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub(crate) fn parse(source: &str) -> Result<Self> {
        match source {
            "vendored" => Ok(Self::Vendored),
            "path" => Ok(Self::Path),
            _ => match source.strip_prefix("git=") {
                Some(url) if url.contains("://") && is_literal(url) => {
                    Ok(Self::Git(url.to_owned()))
                }
                Some(url) => bail!(hinted(
                    format!("{url:?} is not a git URL that Cargo accepts"),
                    "use a URL with a scheme, such as https://example.org/watertight.git, \
                     ssh://git@example.org/watertight.git or file:///srv/watertight"
                )),
                None => bail!(hinted(
                    format!("{source:?} is not a source"),
                    "the sources are `vendored`, `path` and `git=URL`"
                )),
            },
        }
    }

    /// Returns the value of the template's variable `watertight`.
    ///
    /// # Errors
    ///
    /// When the path of Watertight's crates cannot be written in a manifest.
    pub(crate) fn template_value(&self) -> Result<String> {
        match self {
            Self::Vendored => Ok(VENDORED.to_owned()),
            Self::Git(url) => Ok(url.clone()),
            Self::Path => {
                let root = vendored_copy::root()?;
                let path = root.to_str().filter(|path| is_literal(path));
                let path = path.with_context(|| {
                    format!(
                        "failed to write {} in a manifest: it has characters with a meaning in TOML or in the template",
                        root.display()
                    )
                });
                Ok(path
                    .hint("move the folder, or use `--source vendored`")?
                    .to_owned())
            }
        }
    }
}

/// Returns whether a string means itself in TOML and in the template.
fn is_literal(value: &str) -> bool {
    !value.contains(['"', '\\', '\n', '=']) && !value.contains("{{") && !value.contains("{%")
}

/// Checks that git can be run.
///
/// # Errors
///
/// When it cannot.
pub(crate) fn check_git() -> Result<()> {
    let output = Command::new("git").arg("--version").output();
    ensure!(
        output.is_ok_and(|output| output.status.success()),
        hinted(
            "failed to run git, which creates the repository",
            "install git and run the command again"
        )
    );
    Ok(())
}

static CARGO_GENERATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/helpers/generate");

/// Returns the program cargo-generate, which is built on first use.
///
/// # Errors
///
/// When it cannot be built.
pub(crate) fn cargo_generate() -> Result<PathBuf> {
    let helper = Helper::new("watertight-generate", &CARGO_GENERATE);
    let report = |progress| {
        terminal::status(match progress {
            HelperProgress::Building => {
                "building cargo-generate: about 1 minute on two cores, once"
            }
            HelperProgress::Waiting => {
                "waiting for another process that is building cargo-generate"
            }
        });
    };
    Ok(helper.build(&report)?)
}

/// Expands a template into `folder`.
///
/// # Errors
///
/// cargo-generate's message when it rejects the template.
pub(crate) fn expand(
    cargo_generate: &Path,
    template: &Path,
    name: &str,
    watertight: &str,
    folder: &Path,
) -> Result<()> {
    // cargo-generate creates a folder in the destination.
    let destination = tempfile::tempdir().context("failed to create a temporary folder")?;
    // An empty configuration instead of the user's one.
    let config = destination.path().join("config.toml");
    fs::write(&config, "").context("failed to write a temporary file")?;
    let mut command = Command::new(cargo_generate);
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
        .arg(destination.path())
        .arg("--config")
        .arg(&config);
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("CARGO_GENERATE_") {
            command.env_remove(variable);
        }
    }
    if env::var_os("USER").is_none() {
        // It requires the author's name, which the template does not use.
        command.env("USER", "nobody");
    }
    let output = command.output().context("failed to run cargo-generate")?;
    check_output(&output, || {
        format!("failed to expand the template {}", template.display())
    })?;
    copy_folder(&destination.path().join(name), folder)
        .with_context(|| format!("failed to write {}", folder.display()))
}

/// Adds what the template does not contain: a copy of Watertight's crates, the git repository and `Cargo.lock`.
///
/// # Errors
///
/// The first failure.
pub(crate) fn complete(folder: &Path, source: &CrateSource, lock_file: &Path) -> Result<()> {
    if *source == CrateSource::Vendored {
        vendored_copy::write(folder)?;
    }
    let git = Command::new("git")
        // The branch that the template's CI workflow runs on.
        .args(["-c", "init.defaultBranch=main", "init", "--quiet"])
        .current_dir(folder)
        .output()
        .context("failed to run git")?;
    check_output(&git, || "failed to create the git repository".to_owned())?;
    // The versions that this workspace is tested with.
    if lock_file.is_file() {
        fs::copy(lock_file, folder.join("Cargo.lock")).context("failed to copy Cargo.lock")?;
    }
    cargo_lock::update(folder)
}

fn check_output(output: &Output, failed: impl Fn() -> String) -> Result<()> {
    ensure!(
        output.status.success(),
        "{}:\n{}",
        failed(),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

/// Copies a folder. It cannot be renamed, since the temporary folder can be on another file system.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from).min_depth(1) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_copy_a_folder_or_a_git_url() {
        let parse = CrateSource::parse;
        assert_eq!(parse("vendored").unwrap(), CrateSource::Vendored);
        assert_eq!(parse("path").unwrap(), CrateSource::Path);
        let url = "ssh://git@example.org/w.git";
        assert_eq!(
            parse(&format!("git={url}")).unwrap(),
            CrateSource::Git(url.to_owned())
        );
        insta::assert_snapshot!(parse("git=git@example.org:w.git").unwrap_err(), @r#""git@example.org:w.git" is not a git URL that Cargo accepts"#);
        insta::assert_snapshot!(parse("vendor").unwrap_err(), @r#""vendor" is not a source"#);
        assert!(parse("git=https://x/\"}").is_err());
    }
}
