//! What PostgreSQL calls objects.

/// The names in what PostgreSQL calls an object, from the outside in: `a.b.c`, or `c on a.b`.
pub(crate) fn names_in(identity: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inner = Vec::new();
    let mut rest = identity;
    while !rest.is_empty() {
        let name;
        (name, rest) = first_name(rest);
        names.push(name);
        if let Some(table) = rest.strip_prefix(" on ") {
            inner = std::mem::take(&mut names);
            rest = table;
        } else {
            rest = rest.strip_prefix('.').unwrap_or_default();
        }
    }
    names.extend(inner);
    names
}

/// The name that a text begins with, in quotes or without, and what follows.
pub(crate) fn first_name(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ', '(', ')']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, c)) = characters.next() {
        if c == '"' {
            if !quoted[index + 1..].starts_with('"') {
                return (name, &quoted[index + 1..]);
            }
            characters.next();
        }
        name.push(c);
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_what_postgresql_calls_an_object_are_found() {
        assert_eq!(names_in("a.b.c"), ["a", "b", "c"]);
        assert_eq!(names_in("c on a.b"), ["a", "b", "c"]);
        assert_eq!(
            names_in(r#""A ""x"".y".b." on ""#),
            [r#"A "x".y"#, "b", " on "]
        );
    }
}
