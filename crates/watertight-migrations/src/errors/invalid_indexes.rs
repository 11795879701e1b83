//! How errors name invalid indexes, which a `CREATE INDEX CONCURRENTLY` leaves when it fails or is interrupted.

/// Returns what is left, and how to remove it.
pub(super) fn left(indexes: &[String]) -> String {
    let is_left = if indexes.len() == 1 {
        "is left"
    } else {
        "are left"
    };
    format!(
        "the invalid {} {is_left}, until you run {}",
        named(indexes),
        drop(indexes)
    )
}

/// Returns the indexes as part of a sentence.
pub(crate) fn named(indexes: &[String]) -> String {
    let index = if indexes.len() == 1 {
        "index"
    } else {
        "indexes"
    };
    format!("{index} {}", indexes.join(", "))
}

/// Returns the statements that remove them.
pub(crate) fn drop(indexes: &[String]) -> String {
    let statements: Vec<_> = indexes
        .iter()
        .map(|index| format!("`DROP INDEX CONCURRENTLY {index}`"))
        .collect();
    statements.join(" and ")
}
