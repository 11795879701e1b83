//! Comments of the database as doc comments in `schema.rs`.

/// Returns the lines of a comment as they are written after `///`.
///
/// Invisible characters are removed: rustc refuses some of them, and others end a line.
pub(crate) fn doc_lines(comment: &str) -> impl Iterator<Item = String> {
    comment
        .lines()
        .map(|line| line.trim().replace(is_invisible, ""))
}

/// Returns a comment as it is read back from its doc comment, or `None` if nothing is left of it.
pub(crate) fn as_documented(comment: &str) -> Option<String> {
    let lines: Vec<String> = doc_lines(comment)
        .map(|line| line.trim().to_owned())
        .collect();
    let comment = lines.join("\n").trim_end().to_owned();
    (!comment.is_empty()).then_some(comment)
}

/// Whether a character is not shown in a source file, or changes the order in which others are shown.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
