use crate::database::{Object, ObjectKind};

/// The kinds of objects that `down.sql` can restore, in the order in which they are dropped: triggers before all else,
/// foreign keys before the keys that they reference. They are created in reverse order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RestorableKind {
    Trigger,
    ForeignKey,
    /// A constraint that is not a foreign key.
    Constraint,
    Index,
    SequenceOwner,
    Column,
    Table,
    Sequence,
}

impl RestorableKind {
    /// Returns `None` for an object that `down.sql` does not restore. That it was not restored is then found when the
    /// migration is verified.
    pub(super) fn of(kind: ObjectKind, object: &Object) -> Option<Self> {
        let is_foreign_key = || {
            let constraint = object.constraint();
            constraint.is_some_and(|constraint| constraint.foreign_key.is_some())
        };
        match kind {
            ObjectKind::Trigger => Some(Self::Trigger),
            ObjectKind::Constraint if is_foreign_key() => Some(Self::ForeignKey),
            ObjectKind::Constraint => Some(Self::Constraint),
            ObjectKind::Index => Some(Self::Index),
            ObjectKind::SequenceOwner => Some(Self::SequenceOwner),
            ObjectKind::Column => Some(Self::Column),
            ObjectKind::Table => Some(Self::Table),
            ObjectKind::Sequence => Some(Self::Sequence),
            // Comments are restored after everything else. Policies, rules and statistics can be dropped with a table, but
            // are rare. The others are not created or dropped with any change to `schema.rs`.
            ObjectKind::Aggregate
            | ObjectKind::Cast
            | ObjectKind::Collation
            | ObjectKind::Comment
            | ObjectKind::Conversion
            | ObjectKind::DefaultPrivileges
            | ObjectKind::EventTrigger
            | ObjectKind::Extension
            | ObjectKind::ForeignDataWrapper
            | ObjectKind::ForeignTable
            | ObjectKind::Function
            | ObjectKind::MaterializedView
            | ObjectKind::Operator
            | ObjectKind::OperatorClass
            | ObjectKind::Policy
            | ObjectKind::Procedure
            | ObjectKind::Publication
            | ObjectKind::Rule
            | ObjectKind::Schema
            | ObjectKind::Server
            | ObjectKind::Statistics
            | ObjectKind::TextSearchConfiguration
            | ObjectKind::TextSearchDictionary
            | ObjectKind::Type
            | ObjectKind::View => None,
        }
    }
}
