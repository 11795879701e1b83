//! Names in SQL and in Rust. A name in PostgreSQL is any text; what is made of it here is one name and nothing else.

use syn_of_diesel::Ident;

/// What Diesel's macros use themselves.
const RESERVED: [&str; 3] = ["table", "columns", "is_nullable"];

/// `name` as an identifier in SQL: always quoted.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name` in SQL.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// `text` as a string in SQL, whatever `standard_conforming_strings` says.
pub(crate) fn sql_string(text: &str) -> String {
    let text = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\"))
    } else {
        format!("'{text}'")
    }
}

/// `text` as a string in Rust, in the form that the `diesel` command gives it where that form is right.
pub(crate) fn rust_string(text: &str) -> String {
    let is_plain = !text.contains('\\') && !text.chars().any(is_invisible);
    match (is_plain, text.contains('"')) {
        (true, false) => format!("\"{text}\""),
        (true, true) => {
            let hashes = "#".repeat(text.matches('#').count() + 1);
            format!("r{hashes}\"{text}\"{hashes}")
        }
        (false, _) => format!("\"{}\"", text.escape_default()),
    }
}

/// Whether a character does not show in a source file, or changes the order in which others show.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name in Rust for a name in SQL, as the `diesel` command chooses it: other characters than `a-z`, `A-Z`, `0-9`
/// and `_` become underscores, and what is reserved gets an underscore at its end. A column may not have the name
/// of its table.
pub(crate) fn rust_name(sql_name: &str, table: Option<&str>) -> String {
    let name = with_underscores(sql_name);
    if is_reserved(&name) || Some(name.as_str()) == table {
        format!("{name}_")
    } else {
        name
    }
}

fn is_reserved(name: &str) -> bool {
    syn_of_diesel::parse_str::<Ident>(name).is_err()
        || RESERVED.contains(&name)
        || name.starts_with("__") && !name.ends_with('_')
}

fn with_underscores(name: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut text = String::new();
    // Several others in a row become one underscore. Also before a digit at the beginning comes one.
    let mut after_ours = name.starts_with(|c: char| c.is_ascii_digit());
    if after_ours {
        text.push('_');
    }
    for c in name.chars() {
        if is_allowed(c) {
            text.push(c);
            after_ours = false;
        } else {
            if !after_ours {
                text.push('_');
            }
            after_ours = true;
        }
    }
    text
}

/// Gives names that are equal an underscore more at their end, until no two are.
pub(crate) fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken = std::collections::BTreeSet::new();
    for name in names {
        while !taken.insert(name.clone()) {
            name.push('_');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_rust_is_what_the_diesel_command_makes_of_it() {
        for (sql, rust) in [
            ("items", "items"),
            ("Items", "Items"),
            ("type", "type_"),
            ("table", "table_"),
            ("a-b", "a_b"),
            ("a - b", "a_b"),
            ("1st", "_1st"),
            ("ä", "__"),
            ("__hidden", "__hidden_"),
            ("users", "users_"),
        ] {
            assert_eq!(rust_name(sql, Some("users")), rust, "{sql}");
        }
    }

    #[test]
    fn a_string_is_one_string() {
        assert_eq!(rust_string("a b"), r#""a b""#);
        assert_eq!(rust_string("a"), r#""a""#);
        assert_eq!(rust_string(r##"a"#b"##), r###"r##"a"#b"##"###);
        assert_eq!(rust_string("a\\b\n\""), r#""a\\b\n\"""#);
        assert_eq!(sql_string("it's"), "'it''s'");
        assert_eq!(sql_string("\\'"), "E'\\\\'''");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
