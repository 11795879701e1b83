use watertight_diagnostics::Diagnostic;

/// The form of a database URL, for hints.
pub(crate) const URL_FORM: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// Why a database URL is invalid. No message contains the URL, as it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It neither begins with `postgres://` or `postgresql://`, nor is it a list of `key=value`.
    #[error("invalid database URL: its scheme{scheme} is not `postgres://`")]
    Scheme {
        /// The scheme, in backticks and after a space, or an empty string.
        scheme: String,
    },
    /// Its percent-encoding is malformed, or does not result in UTF-8.
    #[error("invalid database URL: the percent-encoding of {part} is malformed")]
    Encoding {
        /// The part of the URL.
        part: &'static str,
    },
    /// It has an `@` that does not end the password. Most often, that `@` is part of the password.
    #[error("invalid database URL: it has an `@` that does not end the password")]
    StrayAt,
    /// It is malformed.
    #[error("invalid database URL: {problem}")]
    Syntax {
        /// What is malformed.
        problem: &'static str,
    },
    /// A parameter has an invalid value.
    #[error(
        "invalid database URL: `{name}`, from the URL or its `PG…` variable, must be {expected}"
    )]
    Value {
        /// The parameter.
        name: &'static str,
        /// The valid values.
        expected: String,
    },
    /// A parameter is unknown, or not supported here.
    #[error("invalid database URL: the parameter{name} is not supported")]
    UnsupportedParameter {
        /// The parameter, in backticks and after a space, or an empty string if it may be part of a password.
        name: String,
    },
    /// A variable of libpq that would change the connection is not supported here.
    #[error("invalid database URL: the environment variable `{name}` is not supported")]
    UnsupportedVariable {
        /// The variable.
        name: &'static str,
    },
    /// No user is given, and the operating system has no name for the user of this process.
    #[error("invalid database URL: it has no user, and the user of this process has no name")]
    NoUser,
}

impl Diagnostic for DatabaseUrlError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Scheme { .. } | Self::Syntax { .. } => {
                return Some(format!("write it as {URL_FORM}"));
            }
            Self::Encoding { .. } => "write `%25` for a `%`",
            Self::StrayAt => {
                "write `%40` for an `@`, `%2F` for a `/`, `%3F` for a `?` and `%3A` for a `:` in a user name or password"
            }
            Self::Value { .. } => {
                "change it, and percent-encode special characters in the password"
            }
            Self::UnsupportedParameter { .. } => {
                "remove it, and percent-encode special characters in the password"
            }
            Self::UnsupportedVariable { .. } => "unset it, and use a parameter of the URL instead",
            Self::NoUser => "add the user to the URL, or set PGUSER",
        };
        Some(hint.to_owned())
    }
}
