/// `text` as a string literal that means the same whatever `standard_conforming_strings` says, and that may
/// stand inside a dollar-quoted body.
pub(crate) fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 3);
    literal.push_str("E'");
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            '$' => literal.push_str("\\x24"),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_ends_neither_itself_nor_a_dollar_quote() {
        assert_eq!(literal(r"it's $a$ \"), r"E'it''s \x24a\x24 \\'");
    }
}
