use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// One file in the hands of rustfmt, which works on it while others are started.
pub(crate) struct Formatting {
    rustfmt: Child,
}

impl Formatting {
    /// Starts to format `text`. The configuration is the one that rustfmt finds from `folder` upwards.
    ///
    /// # Errors
    ///
    /// When rustfmt cannot be run.
    pub(crate) fn start(text: &str, edition: &str, folder: &Path) -> Result<Self> {
        let program = env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
        let mut rustfmt = Command::new(program)
            .args(["--edition", edition])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                anyhow!(
                    "failed to run rustfmt: {error}; install it with `rustup component add rustfmt`"
                )
            })?;
        // rustfmt reads all before it writes anything, so this cannot block for ever. What goes wrong here
        // is told by its exit code.
        let _ = rustfmt
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(text.as_bytes()));
        Ok(Self { rustfmt })
    }

    /// The formatted text.
    ///
    /// # Errors
    ///
    /// rustfmt's message, with `<stdin>` replaced by `name`, when the text is not Rust.
    pub(crate) fn finish(self, name: &Path) -> Result<String> {
        let name = name.display().to_string();
        let failed = || format!("failed to format {name}");
        let output = self.rustfmt.wait_with_output().with_context(failed)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).replace("<stdin>", &name);
            bail!("{}; rustfmt says:\n{}", failed(), message.trim_end());
        }
        String::from_utf8(output.stdout).with_context(failed)
    }
}
