//! Errors of the commands themselves, with what to do about them.

use std::error::Error;
use std::fmt::{self, Display};

use anyhow::Result;
use watertight_metadata::PluginId;

/// An error with a hint. It has the message and the causes of the error that it wraps.
#[derive(Debug)]
pub(crate) struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl Hinted {
    /// Returns the error without the hint.
    pub(crate) fn error(&self) -> &anyhow::Error {
        &self.error
    }

    /// Returns what to do about the error.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

impl Display for Hinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.error)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.chain().nth(1)
    }
}

/// Creates an error with a hint.
pub(crate) fn hinted(message: impl Display, hint: impl Into<String>) -> anyhow::Error {
    Hinted {
        error: anyhow::Error::msg(message.to_string()),
        hint: hint.into(),
    }
    .into()
}

/// Adds a hint to the error of a result.
pub(crate) trait Hint<T> {
    /// Adds a hint. It replaces the hint that the error or its causes have.
    fn hint(self, hint: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| {
            Hinted {
                error: error.into(),
                hint: hint.into(),
            }
            .into()
        })
    }
}

/// Parses a plugin id. Its error has the hint that [`PluginId::parse`] has.
///
/// # Errors
///
/// When it is not a valid id.
pub(crate) fn plugin_id(id: &str) -> Result<PluginId> {
    PluginId::parse(id).map_err(|error| hinted(&error, error.hint()))
}

/// Turns a function that parses a value into one whose errors clap prints with their hints.
pub(crate) fn argument<T>(
    parse: impl Fn(&str) -> Result<T> + Clone,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |value| {
        parse(value).map_err(|error| match error.downcast_ref::<Hinted>() {
            Some(hinted) => format!("{error:#}\nhint: {}", hinted.hint()),
            None => format!("{error:#}"),
        })
    }
}
