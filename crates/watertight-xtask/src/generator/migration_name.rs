use anyhow::{Result, ensure};
use convert_case::Case;

use super::case::to_case;
use crate::output::hint::hinted;

/// The longest name. A folder's name, with the version before it, has at most 255 bytes.
const MAX_LENGTH: usize = 200;

/// Parses the name of a migration and returns it in snake case: `AddPrice` and `add price` are `add_price`.
///
/// # Errors
///
/// When it has characters that are not allowed, or is too long.
pub(crate) fn parse(name: &str) -> Result<String> {
    let snake = to_case(name, Case::Snake);
    let words: Vec<&str> = snake.split('_').filter(|word| !word.is_empty()).collect();
    let snake = words.join("_");
    let valid = snake
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    ensure!(
        valid && !snake.is_empty(),
        hinted(
            format!(
                "{name:?} is not a valid migration name: a name consists of the letters a to z, digits and underscores"
            ),
            "use a name like `add_price`"
        )
    );
    ensure!(
        snake.len() <= MAX_LENGTH,
        hinted(
            format!("the migration name has more than {MAX_LENGTH} bytes"),
            "use a shorter name"
        )
    );
    Ok(snake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_snake_case() {
        for name in [
            "add_price",
            "AddPrice",
            "add price",
            "add-price",
            " add__price ",
        ] {
            assert_eq!(parse(name).unwrap(), "add_price", "{name}");
        }
        for name in ["", "_", "../x", "a/b", "ä", "a\nb.c"] {
            assert!(parse(name).is_err(), "{name}");
        }
    }
}
