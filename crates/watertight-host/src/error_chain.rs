use std::error::Error;

use watertight_diagnostics::causes;

/// Returns an error and its causes on one line, for the log.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    causes(Some(error)).join(": ")
}
