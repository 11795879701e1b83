use std::process;

/// The exit codes of `cargo xtask` and of a server's command line.
///
/// ```
/// use watertight_diagnostics::ExitCode;
///
/// fn main() -> std::process::ExitCode {
///     ExitCode::Success.into()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitCode {
    /// The command did what it was asked to do.
    Success = 0,
    /// The command failed. The error is on stderr, and in the document on stdout with `--json`.
    Failure = 1,
    /// The arguments are wrong. clap exits with this code too.
    Usage = 2,
    /// The command worked, and a check such as `--check` or `verify` found something.
    CheckFailed = 3,
    /// The command was interrupted by Ctrl-C, SIGTERM or SIGHUP: 128 and the number of SIGINT, as shells report it.
    Interrupted = 130,
}

impl ExitCode {
    /// Returns the number that the process exits with.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_rely_on_the_numbers() {
        let codes = [
            ExitCode::Success,
            ExitCode::Failure,
            ExitCode::Usage,
            ExitCode::CheckFailed,
            ExitCode::Interrupted,
        ];
        assert_eq!(codes.map(ExitCode::number), [0, 1, 2, 3, 130]);
    }
}
