use postgres_protocol::escape::escape_identifier;

/// Returns `"schema"."name"`.
pub(crate) fn qualified_name(schema: &str, name: &str) -> String {
    format!("{}.{}", escape_identifier(schema), escape_identifier(name))
}
