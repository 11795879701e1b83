//! The Rust names of tables and columns.

use std::collections::BTreeSet;

use syn_of_diesel::Ident;

/// Names that Diesel's macros use themselves.
const RESERVED: [&str; 3] = ["table", "columns", "is_nullable"];

/// Returns the Rust name that the `diesel` command gives a table, or a column of the table `table`.
///
/// Characters other than `a-z`, `A-Z`, `0-9` and `_` become underscores. Reserved names, and columns named like their
/// table, get an underscore at the end.
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

/// Replaces each run of characters that are not allowed, and prefixes a leading digit, with an underscore.
fn with_underscores(name: &str) -> String {
    let mut replaced = String::new();
    let mut in_run = name.starts_with(|c: char| c.is_ascii_digit());
    if in_run {
        replaced.push('_');
    }
    for c in name.chars() {
        let is_allowed = c.is_ascii_alphanumeric() || c == '_';
        if is_allowed {
            replaced.push(c);
        } else if !in_run {
            replaced.push('_');
        }
        in_run = !is_allowed;
    }
    replaced
}

/// Appends underscores to names that occur more than once until all are different.
pub(crate) fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken = BTreeSet::new();
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
    fn rust_names_are_those_of_the_diesel_command() {
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
}
