use std::fmt;

use super::object_name::ObjectName;

/// How one object differs between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogDifference {
    /// Only the second catalog has it.
    Added(ObjectName),
    /// Only the first catalog has it.
    Missing(ObjectName),
    /// Both have it, with different definitions.
    Changed {
        /// The object.
        object: ObjectName,
        /// Its definition in the first catalog.
        before: String,
        /// Its definition in the second catalog.
        after: String,
    },
}

impl fmt::Display for CatalogDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(object) => write!(formatter, "{object} is left over"),
            Self::Missing(object) => write!(formatter, "{object} is missing"),
            Self::Changed {
                object,
                before,
                after,
            } => {
                let (before, after) = (in_one_line(before), in_one_line(after));
                write!(formatter, "{object} was {before} and is {after}")
            }
        }
    }
}

fn in_one_line(definition: &str) -> String {
    let words: Vec<_> = definition.split_whitespace().collect();
    if words.is_empty() {
        "ordinary".to_owned()
    } else {
        format!("`{}`", words.join(" "))
    }
}
