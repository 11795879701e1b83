use std::fmt;
use std::str::FromStr;

use crate::invalid_plugin_id::{InvalidPluginId, check};
use crate::permission_id::PermissionId;

const SCHEMA_PREFIX: &str = "plugin_";
const MOUNT_PREFIX: &str = "/api/";

/// The id of a plugin, such as `my-feature`, and the names that are made from it.
///
/// A `PluginId` holds its names inline, so it is `Copy` and an id that was read while running needs
/// no other place to live. See the [crate's documentation](crate) for the rule that ids follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginId {
    // The id is the end of its mount path; what lies behind the names is zero, so that derived
    // comparisons compare the names.
    mount_path: [u8; MOUNT_PREFIX.len() + PluginId::MAX_LENGTH],
    schema_name: [u8; SCHEMA_PREFIX.len() + PluginId::MAX_LENGTH],
    length: usize,
}

impl PluginId {
    /// The longest id, in bytes.
    pub const MAX_LENGTH: usize = 48;

    /// Makes an id, for constants.
    ///
    /// # Panics
    ///
    /// Panics with the rule that is broken when `id` is not a plugin id; in a constant that is a
    /// compile error. [`PluginId::parse`] returns an error instead.
    pub const fn new(id: &str) -> Self {
        match check(id) {
            Ok(()) => Self::from_checked(id),
            Err(reason) => panic!("{}", reason.message()),
        }
    }

    /// Reads an id that came in while running.
    ///
    /// # Errors
    ///
    /// Says which part of the rule `id` breaks, and the id that was probably meant where there is an
    /// obvious one.
    pub fn parse(id: &str) -> Result<Self, InvalidPluginId> {
        match check(id) {
            Ok(()) => Ok(Self::from_checked(id)),
            Err(reason) => Err(InvalidPluginId::new(id, reason)),
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

    /// The id as text: `my-feature`.
    pub const fn as_str(&self) -> &str {
        text(self.mount_path.split_at(MOUNT_PREFIX.len()).1, self.length)
    }

    /// The PostgreSQL schema that the plugin owns: `plugin_my_feature`.
    ///
    /// The plugin's library crate has the same name.
    pub const fn schema_name(&self) -> &str {
        text(&self.schema_name, SCHEMA_PREFIX.len() + self.length)
    }

    /// The path below which a server mounts the plugin's routes: `/api/my-feature`.
    pub const fn mount_path(&self) -> &str {
        text(&self.mount_path, MOUNT_PREFIX.len() + self.length)
    }

    /// The id of one of the plugin's permissions: `item.read` is `my-feature.item.read` for everyone else.
    ///
    /// # Panics
    ///
    /// Panics when `name` is not a permission name, which is lower-case words joined by dots:
    /// `[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*`. In a constant that is a compile error.
    pub const fn permission(&self, name: &'static str) -> PermissionId {
        PermissionId::new(*self, name)
    }

    /// The name of the plugin's Cargo package: `plugin-my-feature`.
    pub fn package_name(&self) -> String {
        format!("plugin-{self}")
    }
}

const fn copy(from: &[u8], to: &mut [u8], start: usize) {
    let mut i = 0;
    while i < from.len() {
        to[start + i] = from[i];
        i += 1;
    }
}

const fn text(bytes: &[u8], length: usize) -> &str {
    match std::str::from_utf8(bytes.split_at(length).0) {
        Ok(text) => text,
        Err(_) => panic!("an id that was checked is ASCII"),
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
    fn every_name_comes_from_the_id() {
        let id = PluginId::new("my-feature");
        assert_eq!(id.as_str(), "my-feature");
        assert_eq!(id.schema_name(), "plugin_my_feature");
        assert_eq!(id.mount_path(), "/api/my-feature");
        assert_eq!(id.package_name(), "plugin-my-feature");
        assert_eq!(
            id.permission("item.read").to_string(),
            "my-feature.item.read"
        );
    }

    #[test]
    fn the_longest_id_keeps_its_names_whole() {
        let longest = "a".repeat(PluginId::MAX_LENGTH);
        let id = PluginId::parse(&longest).unwrap();
        assert_eq!(id.as_str(), longest);
        assert_eq!(id.schema_name(), format!("plugin_{longest}"));
        assert_eq!(id.mount_path(), format!("/api/{longest}"));
    }

    #[test]
    fn ids_sort_as_their_text_does() {
        let mut ids = ["b", "ab", "a-b", "a", "abc"].map(PluginId::new);
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), ["a", "a-b", "ab", "abc", "b"]);
    }

    #[test]
    fn display_honours_width() {
        assert_eq!(format!("{:<4}|", PluginId::new("a")), "a   |");
    }

    proptest! {
        #[test]
        fn two_ids_never_share_a_schema(a in ID, b in ID) {
            let (a, b) = (PluginId::parse(&a).unwrap(), PluginId::parse(&b).unwrap());
            prop_assert_eq!(a == b, a.schema_name() == b.schema_name());
            prop_assert_eq!(a == b, a.mount_path() == b.mount_path());
        }

        #[test]
        fn postgresql_neither_cuts_nor_quotes_a_schema(id in "\\PC{0,60}|[a-z0-9_-]{0,60}") {
            if let Ok(id) = PluginId::parse(&id) {
                let schema = id.schema_name();
                prop_assert!(schema.len() <= 63);
                prop_assert!(schema.starts_with("plugin_"));
                prop_assert!(schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            }
        }

        #[test]
        fn an_id_that_follows_the_rule_is_read_back_as_it_was(id in ID) {
            prop_assume!(id.len() <= PluginId::MAX_LENGTH);
            let read = PluginId::parse(&id).unwrap();
            prop_assert_eq!(read.as_str(), id.as_str());
        }
    }
}
