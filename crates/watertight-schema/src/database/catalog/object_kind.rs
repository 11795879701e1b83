use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Defines an enum whose variants have names.
macro_rules! named_enum {
    ($(#[$attribute:meta])* $enum:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$attribute])*
        pub(crate) enum $enum { $($variant,)* }

        impl $enum {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

named_enum! {
    /// The kinds of objects that a catalog has, as `objects.sql` returns them.
    ///
    /// In the order of their names, in which reports list them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    ObjectKind {
        Aggregate = "aggregate",
        Cast = "cast",
        Collation = "collation",
        Column = "column",
        Comment = "comment",
        Constraint = "constraint",
        Conversion = "conversion",
        DefaultPrivileges = "default acl",
        EventTrigger = "event trigger",
        Extension = "extension",
        ForeignTable = "foreign table",
        ForeignDataWrapper = "foreign-data wrapper",
        Function = "function",
        Index = "index",
        MaterializedView = "materialized view",
        Operator = "operator",
        OperatorClass = "operator class",
        Policy = "policy",
        Procedure = "procedure",
        Publication = "publication",
        Rule = "rule",
        Schema = "schema",
        Sequence = "sequence",
        SequenceOwner = "sequence owner",
        Server = "server",
        Statistics = "statistics",
        Table = "table",
        TextSearchConfiguration = "text search configuration",
        TextSearchDictionary = "text search dictionary",
        Trigger = "trigger",
        Type = "type",
        View = "view",
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ObjectKind {
    /// An unknown kind is an error, so that no object is left out of a comparison.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let kind = Self::ALL.iter().find(|kind| kind.name() == name);
        kind.copied()
            .ok_or_else(|| de::Error::custom(format!("unknown kind of object `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_an_error() {
        let read = |json| serde_json::from_str::<ObjectKind>(json).map_err(|e| e.to_string());
        assert_eq!(
            read("\"materialized view\""),
            Ok(ObjectKind::MaterializedView)
        );
        assert_eq!(
            read("\"property graph\""),
            Err("unknown kind of object `property graph`".to_owned())
        );
    }

    #[test]
    fn kinds_are_ordered_by_name() {
        assert!(ObjectKind::ALL.is_sorted_by_key(|kind| kind.name()));
    }
}
