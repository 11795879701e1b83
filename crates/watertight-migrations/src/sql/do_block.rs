use postgres_protocol::escape::escape_literal;

/// Returns a `DO` statement that runs this PL/pgSQL block.
///
/// The block is a string literal, not a dollar-quoted one, because it may contain any dollar quote itself.
pub(crate) fn do_block(block: &str) -> String {
    format!("DO {};\n", escape_literal(block))
}
