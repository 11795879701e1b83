use crate::doc_comment::is_invisible;

/// Returns a string literal in Rust: in the form of the `diesel` command where that is valid, else escaped.
pub(super) fn rust_string(value: &str) -> String {
    let is_plain = !value.contains('\\') && !value.chars().any(is_invisible);
    match (is_plain, value.contains('"')) {
        (true, false) => format!("\"{value}\""),
        (true, true) => {
            let hashes = "#".repeat(value.matches('#').count() + 1);
            format!("r{hashes}\"{value}\"{hashes}")
        }
        (false, _) => format!("\"{}\"", value.escape_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_one_string_literal() {
        assert_eq!(rust_string("a b"), r#""a b""#);
        assert_eq!(rust_string("a"), r#""a""#);
        assert_eq!(rust_string(r##"a"#b"##), r###"r##"a"#b"##"###);
        assert_eq!(rust_string("a\\b\n\""), r#""a\\b\n\"""#);
    }
}
