use std::io::{IsTerminal as _, stderr, stdin};

use anyhow::{Context, Result, bail};
use dialoguer::Confirm;
use dialoguer::theme::ColorfulTheme;

use crate::output::hint::hinted;

/// Asks on the terminal whether to go on.
///
/// # Errors
///
/// When the answer is no, or there is no terminal. `action` completes "failed to".
pub(crate) fn confirm(question: &str, action: &str) -> Result<()> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        bail!(hinted(
            format!("failed to {action}: it needs a confirmation, and this is no terminal"),
            "confirm it with `--yes`"
        ));
    }
    let confirmed = Confirm::with_theme(&ColorfulTheme::default())
        .with_prompt(question)
        .default(false)
        .interact()
        .context("failed to ask")?;
    if !confirmed {
        bail!("failed to {action}: the answer was no; nothing was changed");
    }
    Ok(())
}
