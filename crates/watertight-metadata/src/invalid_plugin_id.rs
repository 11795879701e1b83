use std::error::Error;
use std::fmt;

/// Which part of the rule for plugin ids is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReason {
    /// The id is empty.
    Empty,
    /// The id has more than [`PluginId::MAX_LENGTH`](crate::PluginId::MAX_LENGTH) bytes.
    TooLong,
    /// The first character is not one of `a` to `z`.
    Start,
    /// The id has an underscore.
    Underscore,
    /// The id has an upper-case letter.
    UpperCase,
    /// The id has a character other than `a` to `z`, `0` to `9` and `-`.
    Character,
    /// The id has two hyphens in a row.
    DoubleHyphen,
    /// The id ends with a hyphen.
    EndsInHyphen,
}

impl InvalidReason {
    /// Returns the broken part of the rule, as a sentence without a full stop.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "a plugin id must not be empty",
            Self::TooLong => {
                "a plugin id has at most 48 bytes, because PostgreSQL truncates names at 63 bytes and the \
                 schema's name is longer than the id"
            }
            Self::Start => "a plugin id starts with a letter from a to z",
            Self::Underscore => {
                "a plugin id has hyphens, not underscores, so that no two ids share a schema"
            }
            Self::UpperCase => "a plugin id is lower case",
            Self::Character => "a plugin id has only the letters a to z, digits and hyphens",
            Self::DoubleHyphen => "a plugin id has no two hyphens in a row",
            Self::EndsInHyphen => "a plugin id does not end with a hyphen",
        }
    }
}

/// A string that is not a plugin id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPluginId {
    id: String,
    reason: InvalidReason,
    suggestion: Option<String>,
}

impl InvalidPluginId {
    pub(crate) fn new(id: &str, reason: InvalidReason, suggestion: Option<String>) -> Self {
        Self {
            id: id.to_owned(),
            reason,
            suggestion,
        }
    }

    /// Returns the broken part of the rule.
    pub fn reason(&self) -> InvalidReason {
        self.reason
    }

    /// Returns the id that was probably meant, if any: `my-feature` for `My_Feature`.
    ///
    /// There is none for a string that is too long, or has characters other than letters, digits and separators.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Returns what to do next, as a phrase without a full stop.
    pub fn hint(&self) -> String {
        match &self.suggestion {
            Some(id) => format!("did you mean `{id}`?"),
            None => "use an id like `my-feature`".to_owned(),
        }
    }
}

impl fmt::Display for InvalidPluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to read {:?} as a plugin id: {}",
            self.id,
            self.reason.message()
        )
    }
}

impl Error for InvalidPluginId {}
