use std::error::Error;
use std::fmt;

use crate::plugin_id::PluginId;

/// Why a text is not a plugin id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReason {
    /// The text is empty.
    Empty,
    /// The text has more than [`PluginId::MAX_LENGTH`] bytes.
    TooLong,
    /// The first character is not one of `a` to `z`.
    Start,
    /// The text has an underscore.
    Underscore,
    /// The text has an upper-case letter.
    UpperCase,
    /// The text has another character than `a` to `z`, `0` to `9` and `-`.
    Character,
    /// The text has two hyphens in a row.
    DoubleHyphen,
    /// The text ends in a hyphen.
    EndsInHyphen,
}

impl InvalidReason {
    /// The rule that is broken, as a sentence without its stop.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "a plugin id must not be empty",
            Self::TooLong => {
                "a plugin id has at most 48 bytes, because PostgreSQL cuts names at 63 and the schema's \
                 name is longer than the id"
            }
            Self::Start => "a plugin id starts with a letter from a to z",
            Self::Underscore => {
                "a plugin id has hyphens, not underscores, so that no two ids share a schema"
            }
            Self::UpperCase => "a plugin id is lower case",
            Self::Character => "a plugin id has only the letters a to z, digits and hyphens",
            Self::DoubleHyphen => "a plugin id has no two hyphens in a row",
            Self::EndsInHyphen => "a plugin id does not end in a hyphen",
        }
    }
}

/// The rule for ids, in the order in which its parts are reported.
pub(crate) const fn check(id: &str) -> Result<(), InvalidReason> {
    let bytes = id.as_bytes();
    if bytes.is_empty() {
        return Err(InvalidReason::Empty);
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'A'..=b'Z' => return Err(InvalidReason::UpperCase),
            b'_' => return Err(InvalidReason::Underscore),
            b'0'..=b'9' | b'-' if i == 0 => return Err(InvalidReason::Start),
            b'-' if i + 1 == bytes.len() => return Err(InvalidReason::EndsInHyphen),
            b'-' if bytes[i + 1] == b'-' => return Err(InvalidReason::DoubleHyphen),
            b'a'..=b'z' | b'0'..=b'9' | b'-' => {}
            _ => return Err(InvalidReason::Character),
        }
        i += 1;
    }
    if bytes.len() > PluginId::MAX_LENGTH {
        return Err(InvalidReason::TooLong);
    }
    Ok(())
}

/// A text that is not a plugin id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPluginId {
    id: String,
    reason: InvalidReason,
}

impl InvalidPluginId {
    pub(crate) fn new(id: &str, reason: InvalidReason) -> Self {
        Self {
            id: id.to_owned(),
            reason,
        }
    }

    /// The part of the rule that is broken.
    pub fn reason(&self) -> InvalidReason {
        self.reason
    }

    /// The id that was probably meant, where there is an obvious one: `My_Feature` is `my-feature`.
    ///
    /// There is none for a text with other characters than letters, digits and separators, or for one that is too long.
    pub fn suggestion(&self) -> Option<PluginId> {
        let mut meant = String::new();
        let mut after_lower_case = false;
        for c in self.id.trim().chars() {
            match c {
                'A'..='Z' => {
                    if after_lower_case {
                        meant.push('-');
                    }
                    meant.push(c.to_ascii_lowercase());
                }
                'a'..='z' | '0'..='9' => meant.push(c),
                '-' | '_' | ' ' | '.' => meant.push('-'),
                _ => return None,
            }
            after_lower_case = c.is_ascii_lowercase() || c.is_ascii_digit();
        }
        let words: Vec<&str> = meant.split('-').filter(|word| !word.is_empty()).collect();
        PluginId::parse(&words.join("-")).ok()
    }
}

impl fmt::Display for InvalidPluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, reason } = self;
        write!(
            f,
            "failed to read {id:?} as a plugin id: {}; ",
            reason.message()
        )?;
        match self.suggestion() {
            Some(meant) => write!(f, "did you mean `{meant}`?"),
            None => write!(f, "use an id like `my-feature`"),
        }
    }
}

impl Error for InvalidPluginId {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(id: &str) -> InvalidPluginId {
        PluginId::parse(id).unwrap_err()
    }

    #[test]
    fn each_way_to_break_the_rule_has_its_reason() {
        for (id, reason) in [
            ("", InvalidReason::Empty),
            (&"a".repeat(49), InvalidReason::TooLong),
            ("1a", InvalidReason::Start),
            ("-a", InvalidReason::Start),
            ("my_feature", InvalidReason::Underscore),
            ("myFeature", InvalidReason::UpperCase),
            ("my feature", InvalidReason::Character),
            ("ähnlich", InvalidReason::Character),
            ("a--b", InvalidReason::DoubleHyphen),
            ("a-", InvalidReason::EndsInHyphen),
        ] {
            assert_eq!(error(id).reason(), reason, "{id:?}");
        }
    }

    #[test]
    fn the_id_that_was_meant_is_suggested() {
        for (id, meant) in [
            ("My_Feature", "my-feature"),
            ("MyFeature", "my-feature"),
            ("my__feature_", "my-feature"),
            ("my feature", "my-feature"),
            ("OAuth2Login", "oauth2-login"),
        ] {
            assert_eq!(error(id).suggestion(), Some(PluginId::new(meant)), "{id:?}");
        }
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_obvious() {
        for id in ["", "---", "1-2", "a/b", "ähnlich", &"a".repeat(49)] {
            assert_eq!(error(id).suggestion(), None, "{id:?}");
        }
    }

    #[test]
    fn the_error_says_the_rule_and_what_to_write() {
        assert_eq!(
            error("My_Feature").to_string(),
            "failed to read \"My_Feature\" as a plugin id: a plugin id is lower case; did you mean `my-feature`?"
        );
        assert_eq!(
            error("a/b").to_string(),
            "failed to read \"a/b\" as a plugin id: a plugin id has only the letters a to z, digits and hyphens; \
             use an id like `my-feature`"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(id in "\\PC{0,80}") {
            if let Err(error) = PluginId::parse(&id) {
                prop_assert!(error.to_string().starts_with("failed to"));
            }
        }
    }
}
