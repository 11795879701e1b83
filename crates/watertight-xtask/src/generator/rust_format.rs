use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::generator::file_plan::NewFile;
use crate::output::hint::Hint as _;

/// A run of rustfmt on one file. Several run at the same time.
pub(crate) struct Formatting {
    rustfmt: Child,
}

impl Formatting {
    /// Starts rustfmt on Rust source, with the configuration that it finds from `folder` upwards.
    ///
    /// # Errors
    ///
    /// When rustfmt cannot be run.
    pub(crate) fn start(source: &str, edition: &str, folder: &Path) -> Result<Self> {
        let program = env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
        let mut rustfmt = Command::new(program)
            .args(["--edition", edition])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to run rustfmt")
            .hint("install it with `rustup component add rustfmt`")?;
        // rustfmt reads all of its input before it writes, so this does not block forever. Its exit code reports failures.
        let _ = rustfmt
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(source.as_bytes()));
        Ok(Self { rustfmt })
    }

    /// Returns the formatted source.
    ///
    /// # Errors
    ///
    /// rustfmt's message, with `<stdin>` replaced by `name`, when the source is not Rust.
    pub(crate) fn finish(self, name: &Path) -> Result<String> {
        let name = name.display().to_string();
        let failed = || format!("failed to format {name}");
        let output = self.rustfmt.wait_with_output().with_context(failed)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).replace("<stdin>", &name);
            bail!("{} with rustfmt:\n{}", failed(), message.trim_end());
        }
        String::from_utf8(output.stdout).with_context(failed)
    }
}

/// Formats those of the files that are Rust, all at the same time.
///
/// # Errors
///
/// As [`Formatting`].
pub(crate) fn format_files(files: &mut [NewFile], edition: &str, folder: &Path) -> Result<()> {
    let mut started = Vec::new();
    for file in files {
        if file.path.extension().is_some_and(|name| name == "rs") {
            let formatting = Formatting::start(&file.contents, edition, folder)?;
            started.push((formatting, file));
        }
    }
    for (formatting, file) in started {
        file.contents = formatting.finish(&file.path)?;
    }
    Ok(())
}
