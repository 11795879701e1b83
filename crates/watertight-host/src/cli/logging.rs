use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::cli::cli_error::CliError;

/// Starts to log to stderr, filtered by `RUST_LOG` [default: `info`].
///
/// # Errors
///
/// Returns an error if `RUST_LOG` is not a filter.
pub(super) fn init() -> Result<(), CliError> {
    let filter = match env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => {
            filter.parse::<EnvFilter>().map_err(CliError::LogFilter)?
        }
        _ => EnvFilter::new("info"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
        .with_writer(io::stderr)
        .init();
    Ok(())
}
