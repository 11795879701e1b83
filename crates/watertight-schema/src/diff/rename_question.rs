use std::fmt;

/// A table or column that is no longer in `schema.rs`, and the new ones that it could have been renamed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameQuestion {
    /// The name of the table, or `table.column`.
    pub removed: String,
    /// The names of the new tables or columns.
    pub candidates: Vec<String>,
}

impl fmt::Display for RenameQuestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates: Vec<_> = self
            .candidates
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let are = if candidates.len() == 1 { "is" } else { "are" };
        write!(
            formatter,
            "`{}` is no longer in schema.rs and {} {are} new, so it may have been renamed",
            self.removed,
            candidates.join(", ")
        )
    }
}
