use postgres_protocol::escape::escape_literal;

/// Returns what follows `COMMENT ON … IS `.
pub(crate) fn comment_literal(comment: Option<&str>) -> String {
    match comment {
        // `escape_literal` puts a space before an `E'…'` string.
        Some(comment) => escape_literal(comment).trim_start().to_owned(),
        None => "NULL".to_owned(),
    }
}
