use std::fmt;
use std::str::FromStr;

use crate::invalid_plugin_id::{InvalidPluginId, InvalidReason};

const SCHEMA_PREFIX: &str = "plugin_";
const MOUNT_PREFIX: &str = "/api/";

/// The id of a plugin, such as `my-feature`, and the names that are derived from it.
///
/// A `PluginId` stores its names inline, so it is `Copy`, even if it was parsed at run time. See the [crate's
/// documentation](crate) for the rule that ids follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginId {
    // The mount path ends with the id. The bytes after the names are zero, so that the derived comparisons compare the
    // names.
    mount_path: [u8; MOUNT_PREFIX.len() + PluginId::MAX_LENGTH],
    schema_name: [u8; SCHEMA_PREFIX.len() + PluginId::MAX_LENGTH],
    length: usize,
}

impl PluginId {
    /// The maximum length of an id, in bytes.
    pub const MAX_LENGTH: usize = 48;

    /// Creates an id, for constants.
    ///
    /// # Panics
    ///
    /// Panics with the broken rule if `id` is not a plugin id. In a constant, that is a compile error.
    /// [`PluginId::parse`] returns an error instead.
    pub const fn new(id: &str) -> Self {
        match check_rule(id) {
            Ok(()) => Self::from_checked(id),
            Err(reason) => panic!("{}", reason.message()),
        }
    }

    /// Parses an id at run time.
    ///
    /// # Errors
    ///
    /// Returns which part of the rule `id` breaks, and the id that was probably meant, if any.
    pub fn parse(id: &str) -> Result<Self, InvalidPluginId> {
        match check_rule(id) {
            Ok(()) => Ok(Self::from_checked(id)),
            Err(reason) => Err(InvalidPluginId::new(id, reason, suggestion(id))),
        }
    }

    const fn from_checked(id: &str) -> Self {
        let id = id.as_bytes();
        let mut mount_path = [0; MOUNT_PREFIX.len() + Self::MAX_LENGTH];
        let mut schema_name = [0; SCHEMA_PREFIX.len() + Self::MAX_LENGTH];
        copy(MOUNT_PREFIX.as_bytes(), &mut mount_path, 0);
        copy(SCHEMA_PREFIX.as_bytes(), &mut schema_name, 0);
        copy(id, &mut mount_path, MOUNT_PREFIX.len());
        copy(id, &mut schema_name, SCHEMA_PREFIX.len());
        let mut i = 0;
        while i < schema_name.len() {
            if schema_name[i] == b'-' {
                schema_name[i] = b'_';
            }
            i += 1;
        }
        Self {
            mount_path,
            schema_name,
            length: id.len(),
        }
    }

    /// Returns the id: `my-feature`.
    pub const fn as_str(&self) -> &str {
        name(self.mount_path.split_at(MOUNT_PREFIX.len()).1, self.length)
    }

    /// Returns the name of the PostgreSQL schema that the plugin owns: `plugin_my_feature`.
    ///
    /// The plugin's library crate has the same name.
    pub const fn schema_name(&self) -> &str {
        name(&self.schema_name, SCHEMA_PREFIX.len() + self.length)
    }

    /// Returns the path under which a server mounts the plugin's routes: `/api/my-feature`.
    pub const fn mount_path(&self) -> &str {
        name(&self.mount_path, MOUNT_PREFIX.len() + self.length)
    }

    /// Returns the name of the plugin's Cargo package: `plugin-my-feature`.
    pub fn package_name(&self) -> String {
        format!("plugin-{self}")
    }
}

/// Checks the rule for ids and returns the first part of it that is broken.
const fn check_rule(id: &str) -> Result<(), InvalidReason> {
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

/// Returns the id that was probably meant.
fn suggestion(invalid: &str) -> Option<String> {
    let mut meant = String::new();
    let mut after_lower_case = false;
    for c in invalid.trim().chars() {
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
    let id = words.join("-");
    check_rule(&id).is_ok().then_some(id)
}

const fn copy(from: &[u8], to: &mut [u8], start: usize) {
    let mut i = 0;
    while i < from.len() {
        to[start + i] = from[i];
        i += 1;
    }
}

const fn name(bytes: &[u8], length: usize) -> &str {
    match std::str::from_utf8(bytes.split_at(length).0) {
        Ok(name) => name,
        Err(_) => panic!("a valid id is ASCII"),
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginId({self})")
    }
}

impl FromStr for PluginId {
    type Err = InvalidPluginId;

    fn from_str(id: &str) -> Result<Self, InvalidPluginId> {
        Self::parse(id)
    }
}

impl TryFrom<&str> for PluginId {
    type Error = InvalidPluginId;

    fn try_from(id: &str) -> Result<Self, InvalidPluginId> {
        Self::parse(id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "[a-z][a-z0-9]{0,11}(-[a-z0-9]{1,11}){0,3}";

    #[test]
    fn every_name_is_derived_from_the_id() {
        let id = PluginId::new("my-feature");
        assert_eq!(id.as_str(), "my-feature");
        assert_eq!(id.schema_name(), "plugin_my_feature");
        assert_eq!(id.mount_path(), "/api/my-feature");
        assert_eq!(id.package_name(), "plugin-my-feature");
    }

    #[test]
    fn no_name_of_the_longest_id_is_truncated() {
        let longest = "a".repeat(PluginId::MAX_LENGTH);
        let id = PluginId::parse(&longest).unwrap();
        assert_eq!(id.as_str(), longest);
        assert_eq!(id.schema_name(), format!("plugin_{longest}"));
        assert_eq!(id.mount_path(), format!("/api/{longest}"));
    }

    #[test]
    fn ids_sort_like_strings() {
        let mut ids = ["b", "ab", "a-b", "a", "abc"].map(PluginId::new);
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), ["a", "a-b", "ab", "abc", "b"]);
    }

    #[test]
    fn display_supports_a_width() {
        assert_eq!(format!("{:<4}|", PluginId::new("a")), "a   |");
    }

    fn error(id: &str) -> InvalidPluginId {
        PluginId::parse(id).unwrap_err()
    }

    #[test]
    fn each_way_to_break_the_rule_has_its_own_reason() {
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
    fn the_id_that_was_probably_meant_is_suggested() {
        for (id, meant) in [
            ("My_Feature", "my-feature"),
            ("MyFeature", "my-feature"),
            ("my__feature_", "my-feature"),
            ("my feature", "my-feature"),
            ("OAuth2Login", "oauth2-login"),
        ] {
            assert_eq!(error(id).suggestion(), Some(meant), "{id:?}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_other_characters_or_a_long_id() {
        for id in ["", "---", "1-2", "a/b", "ähnlich", &"a".repeat(49)] {
            assert_eq!(error(id).suggestion(), None, "{id:?}");
        }
    }

    #[test]
    fn the_error_has_the_rule_and_a_hint() {
        let report = |id| format!("{}\nhint: {}", error(id), error(id).hint());
        assert_eq!(
            report("My_Feature"),
            "failed to read \"My_Feature\" as a plugin id: a plugin id is lower case\n\
             hint: did you mean `my-feature`?"
        );
        assert_eq!(
            report("a/b"),
            "failed to read \"a/b\" as a plugin id: a plugin id has only the letters a to z, digits and hyphens\n\
             hint: use an id like `my-feature`"
        );
    }

    proptest! {
        #[test]
        fn any_string_is_parsed_without_a_panic(id in "\\PC{0,80}") {
            if let Err(error) = PluginId::parse(&id) {
                prop_assert!(error.to_string().starts_with("failed to"));
            }
        }

        #[test]
        fn two_ids_never_share_a_schema(a in ID, b in ID) {
            let (a, b) = (PluginId::parse(&a).unwrap(), PluginId::parse(&b).unwrap());
            prop_assert_eq!(a == b, a.schema_name() == b.schema_name());
            prop_assert_eq!(a == b, a.mount_path() == b.mount_path());
        }

        #[test]
        fn postgresql_neither_truncates_nor_quotes_a_schema(id in "\\PC{0,60}|[a-z0-9_-]{0,60}") {
            if let Ok(id) = PluginId::parse(&id) {
                let schema = id.schema_name();
                prop_assert!(schema.len() <= 63);
                prop_assert!(schema.starts_with("plugin_"));
                prop_assert!(schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            }
        }

        #[test]
        fn a_valid_id_is_parsed_unchanged(id in ID) {
            prop_assume!(id.len() <= PluginId::MAX_LENGTH);
            let parsed = PluginId::parse(&id).unwrap();
            prop_assert_eq!(parsed.as_str(), id.as_str());
        }
    }
}
